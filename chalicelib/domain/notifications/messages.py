"""A notification as an e-mail and as the message of a webhook."""

import json
from collections.abc import Mapping
from typing import TypedDict

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_date_time, format_time, format_timestamp
from chalicelib.domain.common.untrusted_text import to_ascii
from chalicelib.domain.notifications.notification import DESK_ID, Notification

KEEP_HOURS = 4
"""Hours in the suggested keep request. The API accepts other numbers."""

MAX_SUBJECT_LENGTH = 100
"""Limit of SNS: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

REQUESTS_HEADING = "An e-mail has no buttons. Send the request to the API of gpudesk with your token instead:"

STARTABLE_CODES = (
    EventCode.START_FAILED,
    EventCode.STOP_INITIATED,
    EventCode.SELF_STOPPED,
    EventCode.STOPPED_EXTERNALLY,
    EventCode.SPOT_INTERRUPTED,
)
"""Codes of notifications that suggest to start the instance again."""


class ApiCall(TypedDict):
    """A request to the API of gpudesk, for a button of a chat bot."""

    method: str
    path: str
    body: dict[str, object]


def format_email_subject(notification: Notification) -> str:
    """Return the subject of the e-mail: at most 100 characters of ASCII, as SNS requires.

    A name that is too long is cut, so that what happened can always be read.
    """
    if notification.instance_id == DESK_ID:
        return f"gpudesk: {notification.code.subject}"
    outcome = "terminated" if notification.is_termination else "stopped"
    event = notification.code.subject.format(outcome=outcome, rejected_by=notification.rejected_by)
    if notification.stop_at:
        announced = "" if f"will be {outcome}" in event else f" and will be {outcome}"
        event = f"{event}{announced} at {format_time(notification.stop_at)}"
    name = to_ascii(notification.instance_name)
    return f"gpudesk: {name[: MAX_SUBJECT_LENGTH - len('gpudesk:  ') - len(event)]} {event}"


def format_email_body(notification: Notification) -> str:
    """Return the plain text of the e-mail. Its last lines are the requests that the message suggests."""
    name, at = notification.instance_name, format_date_time(notification.at)
    head = f"{name}, {at}:" if notification.instance_id == DESK_ID else f"{name} of {notification.owner}, {at}:"
    calls = [_format_call(button, call) for button, call in suggest_api_calls(notification).items()]
    requests = ["\n".join([REQUESTS_HEADING, *calls])] if calls else []
    return "\n\n".join([head, notification.message, *requests]) + "\n"


def format_webhook_payload(notification: Notification) -> bytes:
    """Return the JSON of the webhook's message: type, timestamp, data.

    `data` has the requests that the message suggests, for a bot's buttons: `keep` keeps the instance running.
    """
    data: dict[str, object] = {
        "id": notification.id,
        "instance": {"id": notification.instance_id, "name": notification.instance_name, "owner": notification.owner},
        "message": notification.message,
    }
    if notification.stop_at:
        data["stop_at"] = format_timestamp(notification.stop_at)
    data |= suggest_api_calls(notification)
    at = format_timestamp(notification.at)
    return json.dumps({"type": str(notification.code), "timestamp": at, "data": data}).encode()


def suggest_api_calls(notification: Notification) -> Mapping[str, ApiCall]:
    """Return the requests that the message suggests, by the name of their button."""
    instance = f"/instances/{notification.instance_id}"
    calls: dict[str, ApiCall] = {}
    if notification.stop_at:
        calls["keep"] = ApiCall(method="POST", path=f"{instance}/keep", body={"hours": KEEP_HOURS})
    if notification.code is EventCode.READY:
        calls["connect"] = ApiCall(method="GET", path=f"{instance}/connect", body={})
    if notification.code is EventCode.SETUP_FAILED:
        calls["setup"] = ApiCall(method="POST", path=f"{instance}/setup", body={})
    if notification.code in STARTABLE_CODES:
        calls["start"] = ApiCall(method="POST", path=f"{instance}/start", body={})
    if notification.code is EventCode.IMAGE_FAILED and notification.image_id:
        calls["delete_image"] = ApiCall(method="DELETE", path=f"/images/{notification.image_id}", body={})
    return calls


def _format_call(button: str, call: ApiCall) -> str:
    body = f" {json.dumps(call['body'])}" if call["body"] else ""
    return f"{button.replace('_', ' ').capitalize()}: {call['method']} {call['path']}{body}"

"""A notification as an e-mail and as the message of a webhook."""

import json
from collections.abc import Mapping
from typing import TypedDict

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_date_time, format_time, format_timestamp
from chalicelib.domain.notifications.notification import Notification

KEEP_HOURS = 4
"""What the message offers; any other number will do."""

MAX_SUBJECT_LENGTH = 100
"""Limit of SNS: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

STARTABLE_CODES = (
    EventCode.START_FAILED,
    EventCode.STOP_INITIATED,
    EventCode.SELF_STOPPED,
    EventCode.STOPPED_EXTERNALLY,
)
"""Codes of an instance that a start brings back."""


class ApiCall(TypedDict):
    """A request to gpudesk, for the button of a bot."""

    method: str
    path: str
    body: dict[str, object]


def email_subject(notice: Notification) -> str:
    """Return the subject of the e-mail: at most 100 characters of ASCII, as SNS requires.

    A name that is too long is cut, so that what happened can always be read.
    """
    if notice.code is EventCode.SWEEP_OVERDUE:
        return f"gpudesk: {notice.code.subject}"
    outcome = "terminated" if notice.is_termination else "stopped"
    what = notice.code.subject.format(outcome=outcome)
    if notice.stop_at:
        announced = "" if f"will be {outcome}" in what else f" and will be {outcome}"
        what = f"{what}{announced} at {format_time(notice.stop_at)}"
    name = "".join(each if each.isascii() and each.isprintable() else "?" for each in notice.instance_name)
    return f"gpudesk: {name[: MAX_SUBJECT_LENGTH - len('gpudesk:  ') - len(what)]} {what}"


def email_body(notice: Notification) -> str:
    """Return the plain text of the e-mail. Its last lines are the requests that the message suggests."""
    head = f"{notice.instance_name} of {notice.owner}, {format_date_time(notice.at)}:"
    calls = [_in_one_line(call) for call in api_calls(notice).values()]
    return "\n\n".join([head, notice.message, *(["\n".join(calls)] if calls else [])]) + "\n"


def webhook_payload(notice: Notification) -> bytes:
    """Return the JSON of the webhook's message: type, timestamp, data.

    `data` has the requests that the message suggests, for a bot's buttons: `keep` keeps the instance running.
    """
    data: dict[str, object] = {
        "id": notice.id,
        "instance": {"id": notice.instance_id, "name": notice.instance_name, "owner": notice.owner},
        "message": notice.message,
    }
    if notice.stop_at:
        data["stop_at"] = format_timestamp(notice.stop_at)
    data |= api_calls(notice)
    at = format_timestamp(notice.at)
    return json.dumps({"type": str(notice.code), "timestamp": at, "data": data}).encode()


def api_calls(notice: Notification) -> Mapping[str, ApiCall]:
    """Return the requests that the message suggests, by what they do."""
    instance = f"/instances/{notice.instance_id}"
    calls: dict[str, ApiCall] = {}
    if notice.stop_at:
        calls["keep"] = ApiCall(method="POST", path=f"{instance}/keep", body={"hours": KEEP_HOURS})
    if notice.code is EventCode.READY:
        calls["connect"] = ApiCall(method="GET", path=f"{instance}/connect", body={})
    if notice.code is EventCode.SETUP_FAILED:
        calls["setup"] = ApiCall(method="POST", path=f"{instance}/setup", body={})
    if notice.code in STARTABLE_CODES:
        calls["start"] = ApiCall(method="POST", path=f"{instance}/start", body={})
    if notice.code is EventCode.IMAGE_FAILED and notice.image_id:
        calls["delete_image"] = ApiCall(method="DELETE", path=f"/images/{notice.image_id}", body={})
    return calls


def _in_one_line(call: ApiCall) -> str:
    body = f" {json.dumps(call['body'])}" if call["body"] else ""
    return f"API: {call['method']} {call['path']}{body}"

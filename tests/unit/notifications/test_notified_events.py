"""Every notified event code, from the decision to its mail and webhook message."""

import re
from collections.abc import Mapping

import pytest

from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.notifications.messages import REQUESTS_HEADING
from tests.unit.notifications.delivery import EMAIL_ADDRESSES, WEBHOOK_URLS, deliver
from tests.unit.notifications.instances import NAME, NOW
from tests.unit.notifications.triggers import TRIGGERS

RAW_REQUEST = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) /")

OWNER, ADMIN, BOTH = (Audience.OWNER,), (Audience.ADMIN,), (Audience.OWNER, Audience.ADMIN)
EXPECTED: Mapping[str, tuple[tuple[Audience, ...], str]] = {
    "ready": (OWNER, "is ready"),
    "idle_warning": (OWNER, "is idle and will be stopped at 10:05 UTC"),
    "lifetime_warning": (OWNER, "reaches its maximum lifetime and will be stopped at 10:05 UTC"),
    "failed_warning": (OWNER, "failed its setup and will be stopped at 10:05 UTC"),
    "no_agent_warning": (BOTH, "does not respond to SSM and will be terminated at 10:05 UTC"),
    "warning_cancelled": (OWNER, "keeps running: the stop warning no longer applies"),
    "stop_initiated": (OWNER, "is being stopped"),
    "before_stop_failed": (OWNER, "has a before-stop hook that did not succeed"),
    "stop_cancelled": (OWNER, "was not stopped: it is no longer known to be idle"),
    "terminate_initiated": (OWNER, "is being terminated"),
    "self_stopped": (BOTH, "stopped itself because gpudesk had not stopped it"),
    "stopped_externally": (OWNER, "was stopped outside gpudesk"),
    "started_externally": (OWNER, "was started outside gpudesk"),
    "terminated_externally": (OWNER, "was terminated outside gpudesk"),
    "rebooted": (OWNER, "was rebooted outside gpudesk"),
    "scheduled_event": (BOTH, "has a scheduled AWS event"),
    "setup_failed": (OWNER, "has a failed setup and will be stopped at 10:05 UTC"),
    "launch_refused": (OWNER, "could not be launched: AWS rejected the request"),
    "quota_exceeded": (OWNER, "could not be launched: AWS quota exceeded"),
    "launched_as_other_offer": (OWNER, "is launched as another offer than the first"),
    "launched_after_wait": (OWNER, "is launched: the capacity that it waited for came"),
    "waiting_for_quota": (ADMIN, "waits for a larger AWS quota"),
    "quota_available": (OWNER, "is being launched: its AWS quota may suffice now"),
    "quota_declined": (OWNER, "still waits: AWS did not increase the quota"),
    "no_capacity": (OWNER, "could not be launched: AWS has no capacity"),
    "no_answer": (OWNER, "could not be launched: AWS did not respond"),
    "start_waiting": (OWNER, "cannot start yet: AWS has no capacity in its zone"),
    "start_capacity_found": (OWNER, "is starting: its zone has capacity now"),
    "moved": (OWNER, "is moved"),
    "move_failed": (OWNER, "could not be moved"),
    "move_cancelled": (OWNER, "is not moved: the move was cancelled"),
    "move_image_kept": (BOTH, "is terminated, but an image of its disk is kept"),
    "move_leftover": (BOTH, "has resources of a move that could not be deleted"),
    "market_changed": (OWNER, "is launched on-demand: spot is not available"),
    "spot_interruption": (OWNER, "is being interrupted by EC2"),
    "spot_interrupted": (OWNER, "was interrupted by EC2"),
    "spot_resumed": (OWNER, "was started again by EC2 after its interruption"),
    "start_failed": (OWNER, "could not be started"),
    "image_available": (OWNER, "has a new image that is ready to use"),
    "image_failed": (OWNER, "has an image that could not be created"),
    "benchmark_done": (OWNER, "finished its benchmark"),
    "benchmark_failed": (OWNER, "could not finish its benchmark"),
    "activity_unknown": (BOTH, "cannot be monitored: its activity is unknown"),
    "type_changed": (BOTH, "has another instance type"),
    "tags_lost": (BOTH, "lost its gpudesk tags and is no longer managed"),
    "instance_gone": (BOTH, "is gone from EC2"),
    "reappeared": (BOTH, "still exists in EC2 and is being terminated"),
    "adopted_on_request": (BOTH, "is now managed by gpudesk"),
    "adopted": (ADMIN, "had no record and is now managed by gpudesk"),
    "stop_refused": (BOTH, "could not be stopped: AWS rejected the call"),
    "terminate_refused": (BOTH, "could not be terminated: AWS rejected the call"),
    "stop_overdue": (BOTH, "has not stopped for 20 minutes"),
    "terminate_overdue": (BOTH, "has not terminated for 20 minutes"),
}
"""Audience and end of the mail subject by event code. `event_codes.py` must agree with this table."""

CODES_WITHOUT_INSTANCE = {
    "budget_nearly_spent",
    "budget_spent",
    "email_unsubscribed",
    "foreign_instances_found",
    "mode_changed",
    "quota_case_opened",
    "quota_increased",
    "quota_not_increased",
    "record_unreadable",
    "spot_request_unmanaged",
    "sweep_overdue",
    "webhook_registered",
}
"""Codes that are not in the timeline of an instance."""


def test_every_notified_code_has_an_expectation() -> None:
    assert {str(code) for code in EventCode if code.audience} == {*EXPECTED, *CODES_WITHOUT_INSTANCE}


@pytest.mark.parametrize("code", EXPECTED)
def test_event_reaches_its_audience_by_mail_and_webhook(code: str) -> None:
    audience, subject = EXPECTED[code]
    instance, entries = TRIGGERS[code]()
    (line,) = [entry for entry in entries if entry.code == code]
    found = deliver(instance, entries)
    assert found.mails.keys() == {EMAIL_ADDRESSES[each] for each in audience}
    assert found.webhooks.keys() == {WEBHOOK_URLS[each] for each in audience}
    for mail_subject, text in found.mails.values():
        assert mail_subject == f"gpudesk: {NAME} {subject}"
        assert len(mail_subject) <= 100
        assert line.message in text
    for message in found.webhooks.values():
        assert message["type"] == code
        assert message["timestamp"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
        assert message["data"]["message"] == line.message
        assert message["data"]["instance"] == {"id": instance.id, "name": NAME, "owner": "ada"}


@pytest.mark.parametrize("code", EXPECTED)
def test_message_names_its_instance_and_contains_no_raw_request(code: str) -> None:
    _, entries = TRIGGERS[code]()
    (line,) = [entry for entry in entries if entry.code == code]
    assert NAME in line.message
    assert not RAW_REQUEST.search(line.message)
    assert line.message.endswith(".")
    assert ".." not in line.message
    assert line.message.startswith(NAME) or line.message[0].isupper()
    assert not line.message.startswith("It ")


LABELS = {"keep": "Keep", "setup": "Setup", "start": "Start", "delete_image": "Delete image", "connect": "Connect"}


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        ("idle_warning", {"keep": "POST /instances/gd-1/keep"}),
        ("lifetime_warning", {"keep": "POST /instances/gd-1/keep"}),
        ("setup_failed", {"keep": "POST /instances/gd-1/keep", "setup": "POST /instances/gd-1/setup"}),
        ("start_failed", {"start": "POST /instances/gd-1/start"}),
        ("stop_initiated", {"start": "POST /instances/gd-1/start"}),
        ("self_stopped", {"start": "POST /instances/gd-1/start"}),
        ("image_failed", {"delete_image": "DELETE /images/gi-1"}),
        ("ready", {"connect": "GET /instances/gd-1/connect"}),
    ],
)
def test_suggested_requests_are_in_webhook_data_and_in_the_last_lines_of_the_mail(
    code: str, calls: dict[str, str]
) -> None:
    found = deliver(*TRIGGERS[code]())
    data = found.webhooks[WEBHOOK_URLS[Audience.OWNER]]["data"]
    assert {name: f"{data[name]['method']} {data[name]['path']}" for name in calls} == calls
    text = found.mails[EMAIL_ADDRESSES[Audience.OWNER]][1]
    last = text.rstrip("\n").split("\n")[-len(calls) :]
    assert [line.partition(" {")[0] for line in last] == [f"{LABELS[button]}: {call}" for button, call in calls.items()]
    assert text.count(REQUESTS_HEADING) == 1

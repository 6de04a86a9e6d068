"""A notice as an e-mail and as the message of a webhook."""

import json

from chalicelib.domain.notices import Notice

KEEP_HOURS = 4
"""What the message offers; any other number will do."""


def subject(notice: Notice) -> str:
    """At most 100 characters of ASCII, as SNS wants it."""
    what = {
        "idle_warning": "is idle and will be stopped",
        "lifetime_warning": "will be stopped, its time is over",
        "failed_warning": "has failed and will be stopped",
        "setup_failed": "could not be set up",
        "launch_refused": "could not be launched",
        "over_quota": "could not be launched, the quota does not allow it",
        "no_capacity": "could not be launched, there is no capacity",
        "no_answer": "could not be launched, AWS does not answer",
        "start_failed": "could not be started",
        "image_available": "has an image, which can be used now",
        "image_failed": "has no image, it could not be made",
        "benchmark_done": "was measured",
        "benchmark_failed": "could not be measured",
        "no_agent_warning": "does not answer",
        "activity_unknown": "cannot be watched",
        "stop_alarm": "does not stop",
    }.get(notice.code, notice.code.replace("_", " "))
    when = f" at {notice.acts_at:%H:%M} UTC" if notice.acts_at else ""
    return f"gpudesk: {notice.instance_name} {what}{when}"[:100]


def text(notice: Notice) -> str:
    """Plain text."""
    return f"{notice.instance_name} of {notice.owner}, {notice.at:%Y-%m-%d %H:%M} UTC:\n\n{notice.sentence}\n"


def payload(notice: Notice) -> bytes:
    """JSON: type, timestamp, data. `keep` is the request that keeps the instance running, for a bot's button."""
    data: dict[str, object] = {
        "id": notice.id,
        "instance": {"id": notice.instance_id, "name": notice.instance_name, "owner": notice.owner},
        "message": notice.sentence,
    }
    if notice.acts_at:
        data["stop_at"] = notice.acts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        data["keep"] = {
            "method": "POST",
            "path": f"/instances/{notice.instance_id}/keep",
            "body": {"hours": KEEP_HOURS},
        }
    at = notice.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"type": notice.code, "timestamp": at, "data": data}).encode()

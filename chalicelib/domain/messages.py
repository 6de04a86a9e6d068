"""A notice as an e-mail and as the message of a webhook."""

import json

from chalicelib.domain.notices import Notice

KEEP_HOURS = 4
"""What the message offers; any other number will do."""


def subject(notice: Notice) -> str:
    """At most 100 characters of ASCII, as SNS wants it."""
    when = f" at {notice.acts_at:%H:%M} UTC" if notice.acts_at else ""
    return f"gpudesk: {notice.instance_name} {notice.code.subject}{when}"[:100]


def text(notice: Notice) -> str:
    """Plain text."""
    return f"{notice.instance_name} of {notice.owner}, {notice.at:%Y-%m-%d %H:%M} UTC:\n\n{notice.sentence}\n"


def payload(notice: Notice) -> bytes:
    """JSON: type, timestamp, data. `keep` is the request that keeps the instance running, for a bot's button."""
    data: dict[str, object] = {
        "id": notice.id,
        "instance": {"id": notice.instance_id, "name": notice.instance_name, "owner": notice.owner},
        "sentence": notice.sentence,
    }
    if notice.acts_at:
        data["acts_at"] = notice.acts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        data["keep"] = {
            "method": "POST",
            "path": f"/instances/{notice.instance_id}/keep",
            "body": {"hours": KEEP_HOURS},
        }
    at = notice.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"type": str(notice.code), "timestamp": at, "data": data}).encode()

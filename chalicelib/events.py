"""What AWS tells the desk, read with suspicion: an id to look at, or nothing. Unknown is no news; unreadable is logged.

https://docs.aws.amazon.com/ec2/latest/userguide/instance-state-changes.html,
https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

LOG = logging.getLogger(__name__)

EC2_STATE_CHANGE = "EC2 Instance State-change Notification"
COMMAND_CHANGE = "EC2 Command Invocation Status-change Notification"
"""Per instance; the one without "Invocation" is per command and names no instance."""

EC2_PATTERN = {"source": ["aws.ec2"], "detail-type": [EC2_STATE_CHANGE]}
COMMAND_PATTERN = {"source": ["aws.ssm"], "detail-type": [COMMAND_CHANGE]}

_MACHINE_ID = re.compile(r"m?i-[0-9a-f]{8,17}")
"""EC2's, and those of machines elsewhere, of which there is no record."""


def parse_stream_record_ids(event: Mapping[str, Any]) -> Iterator[str]:
    """The ids of records that a person wrote, each once, from a batch of the instances table's stream."""
    records = event.get("Records")
    if not isinstance(records, list):
        LOG.error("dropped a stream event without records")
        return
    observation = set()
    for record in records:
        record_id = _readable(_woken, record)
        if record_id and record_id not in observation:
            observation.add(record_id)
            yield record_id


def parse_ec2_instance_id(event: Mapping[str, Any]) -> str | None:
    """The EC2 instance that changed, or on which a command came to its end; None where there is nothing to look at."""
    match event.get("detail-type"):
        case "EC2 Instance State-change Notification" | "EC2 Command Invocation Status-change Notification":
            return _readable(_machine, event)
        case _:
            return None


def _woken(record: Mapping[str, Any]) -> str | None:
    """A record that was removed has no new image; one that the loop wrote has no `user_write`."""
    image = record["dynamodb"].get("NewImage")
    if image is None or not image.get("user_write", {}).get("BOOL"):
        return None
    return _text(image["id"]["S"])


def _machine(event: Mapping[str, Any]) -> str:
    machine_id = _text(event["detail"]["instance-id"])
    if not _MACHINE_ID.fullmatch(machine_id):
        raise ValueError(f"no instance id: {machine_id[:40]!r}")
    return machine_id


def _readable(read: Callable[[Any], str | None], event: Any) -> str | None:
    try:
        return read(event)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        LOG.error("dropped an event that cannot be read: %s: %s", type(problem).__name__, problem)
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"not a text: {str(value)[:40]!r}")
    return value

"""Read the ids to reconcile from AWS's events. Unknown events are ignored, unreadable ones are logged.

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
"""The event about one instance of a command. "EC2 Command Status-change Notification" names no instance."""

EC2_PATTERN = {"source": ["aws.ec2"], "detail-type": [EC2_STATE_CHANGE]}
COMMAND_PATTERN = {"source": ["aws.ssm"], "detail-type": [COMMAND_CHANGE]}

_EC2_INSTANCE_ID = re.compile(r"m?i-[0-9a-f]{8,17}")
"""Ids of EC2 instances (i-), and of managed nodes outside EC2 (mi-), which have no record."""


def parse_stream_record_ids(event: Mapping[str, Any]) -> Iterator[str]:
    """Yield the id of each record that a person's request changed, from a batch of the instances table's stream."""
    records = event.get("Records")
    if not isinstance(records, list):
        LOG.error("dropped a stream event without a list of records")
        return
    seen_ids = set()
    for record in records:
        record_id = _read_or_log(_read_user_written_id, record)
        if record_id and record_id not in seen_ids:
            seen_ids.add(record_id)
            yield record_id


def parse_ec2_instance_id(event: Mapping[str, Any]) -> str | None:
    """Return the id of the EC2 instance that changed or on which a command ended; None for other events."""
    if event.get("detail-type") in (EC2_STATE_CHANGE, COMMAND_CHANGE):
        return _read_or_log(_read_ec2_instance_id, event)
    return None


def _read_user_written_id(record: Mapping[str, Any]) -> str | None:
    """Return the id of a record that a person's request changed, otherwise None. A removed record has no new image."""
    image = record["dynamodb"].get("NewImage")
    if image is None or not image.get("user_write", {}).get("BOOL"):
        return None
    return _require_text(image["id"]["S"])


def _read_ec2_instance_id(event: Mapping[str, Any]) -> str:
    instance_id = _require_text(event["detail"]["instance-id"])
    if not _EC2_INSTANCE_ID.fullmatch(instance_id):
        raise ValueError(f"not an instance id: {instance_id[:40]!r}")
    return instance_id


def _read_or_log(read: Callable[[Any], str | None], event: Any) -> str | None:
    try:
        return read(event)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        LOG.error("dropped an event that cannot be read: %s: %s", type(error).__name__, error)
        return None


def _require_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"not a text: {str(value)[:40]!r}")
    return value

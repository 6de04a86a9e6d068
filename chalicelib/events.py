"""Read the ids to reconcile from AWS's events. Unknown events are ignored, unreadable ones are logged.

https://docs.aws.amazon.com/ec2/latest/userguide/instance-state-changes.html,
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html,
https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from chalicelib.domain.instances.spot import InterruptionAction, SpotEvent

LOG = logging.getLogger(__name__)

T = TypeVar("T")

EC2_STATE_CHANGE = "EC2 Instance State-change Notification"
COMMAND_CHANGE = "EC2 Command Invocation Status-change Notification"
"""The event about one instance of a command. "EC2 Command Status-change Notification" names no instance."""

INTERRUPTION_WARNING = "EC2 Spot Instance Interruption Warning"
REBALANCE_RECOMMENDATION = "EC2 Instance Rebalance Recommendation"

EC2_PATTERN = {"source": ["aws.ec2"], "detail-type": [EC2_STATE_CHANGE]}
SPOT_PATTERN = {"source": ["aws.ec2"], "detail-type": [INTERRUPTION_WARNING, REBALANCE_RECOMMENDATION]}
COMMAND_PATTERN = {"source": ["aws.ssm"], "detail-type": [COMMAND_CHANGE]}

_EC2_INSTANCE_ID = re.compile(r"m?i-[0-9a-f]{8,17}")
"""Ids of EC2 instances (i-), and of managed nodes outside EC2 (mi-), which have no record."""


@dataclass(frozen=True)
class StreamChange:
    """A record that a person's request changed.

    :param sequence_number: of its first change in the batch
    """

    record_id: str
    sequence_number: str


def parse_stream_changes(event: Mapping[str, Any]) -> Iterator[StreamChange]:
    """Yield each record that a person's request changed once, from a batch of the instances table's stream."""
    records = event.get("Records")
    if not isinstance(records, list):
        LOG.error("dropped a stream event without a list of records")
        return
    seen_ids = set()
    for record in records:
        change = _read_or_log(_read_user_change, record)
        if change and change.record_id not in seen_ids:
            seen_ids.add(change.record_id)
            yield change


def build_batch_response(failed: Sequence[StreamChange]) -> dict[str, Any]:
    """Return the answer to a batch. Lambda delivers it again from the first failed record.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    return {"batchItemFailures": [{"itemIdentifier": change.sequence_number} for change in failed]}


def parse_ec2_instance_id(event: Mapping[str, Any]) -> str | None:
    """Return the id of the EC2 instance that changed or on which a command ended; None for other events."""
    if event.get("detail-type") in (EC2_STATE_CHANGE, COMMAND_CHANGE):
        return _read_or_log(_read_ec2_instance_id, event)
    return None


def parse_spot_event(event: Mapping[str, Any]) -> SpotEvent | None:
    """Return the spot event about an EC2 instance; None for other events."""
    if event.get("detail-type") in (INTERRUPTION_WARNING, REBALANCE_RECOMMENDATION):
        return _read_or_log(_read_spot_event, event)
    return None


def _read_spot_event(event: Mapping[str, Any]) -> SpotEvent:
    is_warning = event["detail-type"] == INTERRUPTION_WARNING
    at = datetime.fromisoformat(_require_text(event["time"]))
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {event['time'][:40]!r}")
    action = InterruptionAction(_require_text(event["detail"]["instance-action"])) if is_warning else None
    return SpotEvent(ec2_instance_id=_read_ec2_instance_id(event), action=action, at=at.astimezone(UTC))


def _read_user_change(record: Mapping[str, Any]) -> StreamChange | None:
    """Return the record if a person's request changed it, otherwise None. A removed record has no new image."""
    image = record["dynamodb"].get("NewImage")
    if image is None or not image.get("user_write", {}).get("BOOL"):
        return None
    return StreamChange(_require_text(image["id"]["S"]), _require_text(record["dynamodb"]["SequenceNumber"]))


def _read_ec2_instance_id(event: Mapping[str, Any]) -> str:
    instance_id = _require_text(event["detail"]["instance-id"])
    if not _EC2_INSTANCE_ID.fullmatch(instance_id):
        raise ValueError(f"not an instance id: {instance_id[:40]!r}")
    return instance_id


def _read_or_log(read: Callable[[Any], T | None], event: Any) -> T | None:
    try:
        return read(event)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        LOG.error("dropped an event that cannot be read: %s: %s", type(error).__name__, error)
        return None


def _require_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"not a text: {str(value)[:40]!r}")
    return value

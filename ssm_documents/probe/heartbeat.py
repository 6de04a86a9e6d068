"""The heartbeat: evidence, written to this instance's own item of the desk's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.evidence import Evidence
from ssm_documents.probe import VERSION

REASON_BYTES = 120
"""So that a heartbeat stays within the kilobyte that one write is billed by."""

_SET = "SET #at = :at, #boot_id = :boot_id, #instance_id = :instance_id, #probe = :probe, #signals = :signals"
_NAMES = {f"#{name}": name for name in ("at", "boot_id", "instance_id", "probe", "signals", "id")}


@dataclass(frozen=True)
class Identity:
    """Who beats: EC2's id, and the kernel's id of this boot."""

    instance_id: str
    boot_id: str


class Heartbeat:
    """One item of the table.

    :param update_item: that of boto3's DynamoDB client
    :param key: the item's id; the desk made the item, and this never makes one
    """

    def __init__(self, update_item: Callable[..., object], table: str, key: str, identity: Identity) -> None:
        self._update_item = update_item
        self._table = table
        self._key = key
        self._identity = identity

    def send(self, at: datetime, signals: Mapping[str, Evidence]) -> None:
        """Write it. Raises what boto3 raises."""
        self._update_item(
            TableName=self._table,
            Key={"id": {"S": self._key}},
            UpdateExpression=_SET,
            ConditionExpression="attribute_exists(#id)",
            ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues={
                ":at": {"S": as_text(at)},
                ":boot_id": {"S": self._identity.boot_id},
                ":instance_id": {"S": self._identity.instance_id},
                ":probe": {"S": VERSION},
                ":signals": {"M": {name: {"M": as_item(evidence)} for name, evidence in signals.items()}},
            },
            ReturnValues="NONE",
        )


def as_text(moment: datetime) -> str:
    """ISO 8601, UTC: 2026-11-24T01:02:03Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def as_item(evidence: Evidence) -> dict[str, dict[str, str]]:
    """One signal, in DynamoDB's own types."""
    return {
        "state": {"S": evidence.state.value},
        "since": {"S": as_text(evidence.since)},
        "at": {"S": as_text(evidence.at)},
        "samples": {"N": str(evidence.samples)},
        "largest_gap_seconds": {"N": str(round(evidence.largest_gap.total_seconds()))},
        "reason": {"S": shortened(evidence.reason)},
    }


def shortened(text: str) -> str:
    """At most REASON_BYTES of UTF-8, on one line."""
    line = " ".join(text.split())
    data = line.encode()
    return line if len(data) <= REASON_BYTES else data[: REASON_BYTES - 3].decode(errors="ignore") + "..."

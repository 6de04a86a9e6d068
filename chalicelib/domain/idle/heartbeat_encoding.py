"""Encode a heartbeat as the text that the probe writes into its DynamoDB item.

The text is a JSON list of the fields: gpudesk parses it at once, and a list without names leaves room for reasons.
`heartbeat_decoding.py` reads it. It is a module of its own because only gpudesk needs it: the probe does not
carry it.
"""

import json
import math
from bisect import bisect_right
from datetime import datetime
from typing import Any

from chalicelib.domain.common.untrusted_text import to_ascii
from chalicelib.domain.idle.epoch_seconds import to_epoch_seconds
from chalicelib.domain.idle.evidence import Evidence
from chalicelib.domain.idle.heartbeat import (
    FORMAT_VERSION,
    MAX_HEARTBEAT_BYTES,
    MAX_NAME_LENGTH,
    MAX_REASON_LENGTH,
    Acknowledgement,
    Heartbeat,
    StepProgress,
)

HEARTBEAT_ATTRIBUTE = "heartbeat"
"""The attribute that an instance may write to its item.

`dynamodb:Attributes` in the policy of the instance role lists it, and `id`. Reading `response` needs no permission.
"""

HEARTBEAT_FIELDS = (
    "at",
    "boot_id",
    "instance_id",
    "probe",
    "signals",
    "live_counts",
    "acknowledged",
    "keep_request",
    "missed_heartbeats",
    "self_stop",
    "setup",
    "interruption",
)
"""The fields of a heartbeat, in the order of the list; null stands for one that is missing. New ones go to the end."""

DROPPABLE_FIELDS = ("setup", "missed_heartbeats", "live_counts")
"""Fields that are left out, in this order, of a heartbeat that is too large even with the shortest reasons."""

MIN_REASON_LENGTH = 16
"""Reasons are not cut shorter than this: a shorter one says nothing."""


def encode_heartbeat(heartbeat: Heartbeat, key: str) -> str:
    """Return the text that the probe writes. With it, the item has at most MAX_HEARTBEAT_BYTES.

    To save space, a signal is a list, its times are in seconds before the heartbeat, and reasons are shortened as far
    as necessary. If that is not enough, DROPPABLE_FIELDS are left out.

    :param key: the key of the item; it counts against the limit
    """
    left_out: set[str] = set()

    def encode(reason_length: int) -> str:
        fields = _build_fields(heartbeat, reason_length)
        return to_compact_json([None if name in left_out else fields.get(name) for name in HEARTBEAT_FIELDS])

    def size(reason_length: int) -> int:
        return compute_size(key, encode(reason_length))

    if size(MAX_REASON_LENGTH) <= MAX_HEARTBEAT_BYTES:
        return encode(MAX_REASON_LENGTH)
    for name in DROPPABLE_FIELDS:
        if size(MIN_REASON_LENGTH) > MAX_HEARTBEAT_BYTES:
            left_out.add(name)
    lengths = range(MIN_REASON_LENGTH, MAX_REASON_LENGTH + 1)
    return encode(lengths[max(0, bisect_right(lengths, MAX_HEARTBEAT_BYTES, key=size) - 1)])


def to_compact_json(value: Any) -> str:
    """Return a value as JSON without spaces. It is ASCII, so its length is its size."""
    return json.dumps(value, separators=(",", ":"))


def compute_size(key: str, text: str) -> int:
    """Return the bytes of an item with a heartbeat as DynamoDB bills them: names and values.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return len("id") + len(key) + len(HEARTBEAT_ATTRIBUTE) + len(text)


def truncate_ascii(text: str, length: int) -> str:
    """Return `text` on one line of printable ASCII, cut to at most `length` characters."""
    line = to_ascii(text)
    return line if len(line) <= length else f"{line[: length - 2]}.."


def _build_fields(heartbeat: Heartbeat, reason_length: int) -> dict[str, Any]:
    acknowledged = heartbeat.acknowledged
    plain: dict[str, Any] = {
        "at": to_epoch_seconds(heartbeat.at),
        "boot_id": heartbeat.boot_id,
        "instance_id": heartbeat.instance_id,
        "interruption": heartbeat.interruption,
        "probe": FORMAT_VERSION,
        "signals": {
            name: _encode_signal(evidence, heartbeat.at, reason_length) for name, evidence in heartbeat.signals.items()
        },
    }
    if heartbeat.live_counts:
        plain["live_counts"] = dict(heartbeat.live_counts)
    if acknowledged != Acknowledgement():
        until = to_epoch_seconds(acknowledged.keep_until) if acknowledged.keep_until else 0
        counts = [acknowledged.terminals, acknowledged.jupyter_servers]
        plain["acknowledged"] = [until, acknowledged.warning_id or "", *counts]
    if heartbeat.keep_request:
        plain["keep_request"] = [heartbeat.keep_request.id, round(heartbeat.keep_request.hours * 3600)]
    if heartbeat.missed_heartbeats:
        plain["missed_heartbeats"] = [
            heartbeat.missed_heartbeats.count,
            to_epoch_seconds(heartbeat.missed_heartbeats.since),
            truncate_ascii(heartbeat.missed_heartbeats.reason, 24),
        ]
    if heartbeat.self_stop:
        plain["self_stop"] = [to_epoch_seconds(heartbeat.self_stop.stop_at), heartbeat.self_stop.stopping_now]
    if heartbeat.setup:
        plain["setup"] = _encode_step(heartbeat.setup, reason_length)
    return plain


def _encode_step(step: StepProgress, line_length: int) -> list[Any]:
    texts = (truncate_ascii(text, MAX_NAME_LENGTH) for text in (step.document, step.step, step.position))
    return [*texts, round(step.running_for.total_seconds()), truncate_ascii(step.last_output_line, line_length)]


def _encode_signal(evidence: Evidence, at: datetime, reason_length: int) -> list[Any]:
    return [
        evidence.state.value,
        to_epoch_seconds(at) - to_epoch_seconds(evidence.since),
        to_epoch_seconds(at) - to_epoch_seconds(evidence.at),
        evidence.samples,
        math.ceil(evidence.largest_gap.total_seconds()),
        truncate_ascii(evidence.reason, reason_length),
    ]

"""Encode and decode the heartbeat item."""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import (
    FORMAT_VERSION,
    MAX_HEARTBEAT_BYTES,
    MAX_NAME_LENGTH,
    MAX_REASON_LENGTH,
    MAX_SIGNALS,
    Acknowledgement,
    Heartbeat,
    KeepRequest,
    MissedHeartbeats,
    Report,
    SelfStopStatus,
    StepProgress,
    UnreadableHeartbeat,
)

HEARTBEAT_ATTRIBUTES = (
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
)
"""What an instance may write of its item. Its policy's `dynamodb:Attributes` lists them, and `id` and `response`."""


DROPPABLE_ATTRIBUTES = ("setup", "missed_heartbeats", "live_counts")
"""What a heartbeat goes without, one before the next, where the shortest reasons leave no room for it."""


MIN_REASON_LENGTH = 16


NON_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def encode_heartbeat(heartbeat: Heartbeat, key: str) -> dict[str, Any]:
    """As the probe writes it, in at most REPORT_BYTES; attributes that it lacks are to be removed from the item.

    Reasons are shortened as far as it takes; what a setup says is left out before they are too short to tell.

    :param key: the item's, which counts
    """
    left_out: set[str] = set()

    def plain(longest: int) -> dict[str, Any]:
        return {name: each for name, each in _plain(heartbeat, longest).items() if name not in left_out}

    def size(longest: int) -> int:
        return item_size({"id": key, **plain(longest)})

    for name in DROPPABLE_ATTRIBUTES:
        if size(MIN_REASON_LENGTH) > MAX_HEARTBEAT_BYTES:
            left_out.add(name)
    lengths = range(MIN_REASON_LENGTH, MAX_REASON_LENGTH + 1)
    return plain(lengths[max(0, bisect_right(lengths, MAX_HEARTBEAT_BYTES, key=size) - 1)])


def decode_heartbeat(raw: Mapping[str, Any]) -> Report:
    """Read the item that the probe writes.

    :returns: None where the probe has not written yet (the desk itself made the item)
    """
    if "at" not in raw:
        return None
    if raw.get("probe") != FORMAT_VERSION:
        version = str(raw.get("probe"))[:20]
        return UnreadableHeartbeat(
            f"the probe speaks version {version}, this desk {FORMAT_VERSION}: stop the instance and start it"
        )
    try:
        at, boot_id = _moment(raw["at"]), _text(raw["boot_id"])
        signals = raw["signals"]
        if not isinstance(signals, Mapping) or len(signals) > MAX_SIGNALS:
            raise ValueError(f"signals is not a map of at most {MAX_SIGNALS}")
        return Heartbeat(
            instance_id=_text(raw["instance_id"]),
            at=at,
            boot_id=boot_id,
            signals={_text(name): _evidence(signal, at, boot_id) for name, signal in signals.items()},
            live_counts={
                _text(kind)[:20]: _count(number) for kind, number in list(raw.get("live_counts", {}).items())[:8]
            },
            acknowledged=_decode_acknowledgement(raw["acknowledged"]) if "acknowledged" in raw else Acknowledgement(),
            keep_request=_decode_keep_request(*raw["keep_request"]) if "keep_request" in raw else None,
            missed_heartbeats=_missed(*raw["missed_heartbeats"]) if "missed_heartbeats" in raw else None,
            self_stop=_leaving(*raw["self_stop"]) if "self_stop" in raw else None,
            setup=_progress(*raw["setup"]) if "setup" in raw else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, OSError) as problem:
        return UnreadableHeartbeat(f"{type(problem).__name__}: {problem}"[:200])


def item_size(value: Any) -> int:
    """Bytes of a value as DynamoDB bills them; of a mapping, with the names in it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    match value:
        case None | bool():
            return 1
        case int():
            return _number_size(len(str(abs(value))))
        case float():
            return _number_size(sum(character.isdigit() for character in str(value)))
        case str():
            return len(value.encode())
        case Mapping():
            return 3 + sum(1 + len(name.encode()) + item_size(each) for name, each in value.items())
        case list() | tuple():
            return 3 + sum(1 + item_size(each) for each in value)
        case _:
            raise TypeError(type(value).__name__)


def _number_size(digits: int) -> int:
    """A byte for each two digits, one more, and one for a sign, which is counted always."""
    return (digits + 1) // 2 + 2


def truncate_ascii(text: str, longest: int) -> str:
    """On one line of printable ASCII, at most `longest` characters."""
    line = NON_PRINTABLE.sub("?", " ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 2]}.."


def _plain(heartbeat: Heartbeat, longest: int) -> dict[str, Any]:
    heard = heartbeat.acknowledged
    plain: dict[str, Any] = {
        "at": _seconds(heartbeat.at),
        "boot_id": heartbeat.boot_id,
        "instance_id": heartbeat.instance_id,
        "probe": FORMAT_VERSION,
        "signals": {name: _signal(evidence, heartbeat.at, longest) for name, evidence in heartbeat.signals.items()},
    }
    if heartbeat.live_counts:
        plain["live_counts"] = dict(heartbeat.live_counts)
    if heard != Acknowledgement():
        until = _seconds(heard.keep_until) if heard.keep_until else 0
        plain["acknowledged"] = [until, heard.warning_id or "", heard.terminals, heard.jupyter_servers]
    if heartbeat.keep_request:
        plain["keep_request"] = [heartbeat.keep_request.id, round(heartbeat.keep_request.hours * 3600)]
    if heartbeat.missed_heartbeats:
        plain["missed_heartbeats"] = [
            heartbeat.missed_heartbeats.count,
            _seconds(heartbeat.missed_heartbeats.since),
            truncate_ascii(heartbeat.missed_heartbeats.reason, 24),
        ]
    if heartbeat.self_stop:
        plain["self_stop"] = [_seconds(heartbeat.self_stop.stop_at), heartbeat.self_stop.stopping_now]
    if heartbeat.setup:
        plain["setup"] = _plain_progress(heartbeat.setup, longest)
    return plain


def _plain_progress(progress: StepProgress, longest: int) -> list[Any]:
    texts = (truncate_ascii(each, MAX_NAME_LENGTH) for each in (progress.document, progress.step, progress.position))
    return [*texts, round(progress.running_for.total_seconds()), truncate_ascii(progress.last_output_line, longest)]


def _signal(evidence: Evidence, at: datetime, longest: int) -> list[Any]:
    return [
        evidence.state.value,
        _seconds(evidence.since),
        _seconds(at) - _seconds(evidence.at),
        evidence.samples,
        math.ceil(evidence.largest_gap.total_seconds()),
        truncate_ascii(evidence.reason, longest),
    ]


def _evidence(raw: Any, at: datetime, boot_id: str) -> Evidence:
    state, since, before, samples, largest_gap, reason = raw
    evidence = Evidence(
        state=SignalState(state),
        since=_moment(since),
        at=at - timedelta(seconds=_number(before)),
        samples=_count(samples),
        largest_gap=timedelta(seconds=_count(largest_gap)),
        reason=truncate_ascii(_text(reason), MAX_REASON_LENGTH),
        boot_id=boot_id,
    )
    if evidence.since > evidence.at:
        raise ValueError("since is later than at")
    return evidence


def _decode_acknowledgement(raw: Any) -> Acknowledgement:
    until, warning_id, terminals, notebooks = raw
    return Acknowledgement(
        keep_until=_moment(until) if until else None,
        warning_id=_text(warning_id) or None,
        terminals=_count(terminals),
        jupyter_servers=_count(notebooks),
    )


def _decode_keep_request(wish_id: Any, seconds: Any) -> KeepRequest:
    return KeepRequest(id=truncate_ascii(_text(wish_id), 40), hours=_count(seconds) / 3600)


def _missed(count: Any, since: Any, why: Any) -> MissedHeartbeats:
    return MissedHeartbeats(
        count=_count(count), since=_moment(since), reason=truncate_ascii(_text(why), MAX_REASON_LENGTH)
    )


def _leaving(stop_at: Any, is_over: Any) -> SelfStopStatus:
    if not isinstance(is_over, bool):
        raise ValueError("self_stop is not a list of a time and a boolean")
    return SelfStopStatus(stop_at=_moment(stop_at), stopping_now=is_over)


def _progress(document: Any, step: Any, position: Any, seconds: Any, line: Any) -> StepProgress:
    return StepProgress(
        document=truncate_ascii(_text(document), MAX_NAME_LENGTH),
        step=truncate_ascii(_text(step), MAX_NAME_LENGTH),
        position=truncate_ascii(_text(position), MAX_NAME_LENGTH),
        running_for=timedelta(seconds=_count(seconds)),
        last_output_line=truncate_ascii(_text(line), MAX_REASON_LENGTH),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError(f"not a short text: {str(value)[:40]!r}")
    return value


def _seconds(moment: datetime) -> int:
    """Rounded up, every moment alike: their order stays, and nothing has been quiet for longer than it was."""
    return math.ceil(moment.timestamp())


def _moment(value: Any) -> datetime:
    return datetime.fromtimestamp(_count(value), UTC)


def _count(value: Any) -> int:
    number = _number(value)
    if number < 0:
        raise ValueError(f"not a count: {str(value)[:40]!r}")
    return int(number)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 10**11:
        raise ValueError(f"not a number: {str(value)[:40]!r}")
    return value

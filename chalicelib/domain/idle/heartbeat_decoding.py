"""Decode the text that a probe wrote into its DynamoDB item.

Only gpudesk needs this module: the probe does not carry it.
The root user of an instance can write anything into it, so every value is checked, and texts are cleaned.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.common.untrusted_text import clean_line
from chalicelib.domain.idle.epoch_seconds import from_epoch_seconds
from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import (
    FORMAT_VERSION,
    MAX_NAME_LENGTH,
    MAX_REASON_LENGTH,
    MAX_SIGNALS,
    Acknowledgement,
    DecodedHeartbeat,
    Heartbeat,
    KeepRequest,
    MissedHeartbeats,
    SelfStopStatus,
    StepProgress,
    UnreadableHeartbeat,
)
from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_FIELDS, truncate_ascii

MAX_PROBLEM_LENGTH = 200
MAX_ID_LENGTH = 40
MAX_LIVE_COUNTS = 8
MAX_NUMBER = 10**11
"""Bound of every number: that of a time, in seconds since 1970."""
MAX_LIVE_COUNT = 100_000
"""Bound of a number of kernels, terminals or servers on one instance."""
MAX_LIVE_COUNT_NAME_LENGTH = 20
MAX_TEXT_LENGTH = 1000
"""A text of this length or less is cut to the length of its field. A longer one makes the heartbeat unreadable."""


MAX_HEARTBEAT_LENGTH = 2000
"""Length of the text. The probe writes less than half of it; a longer one is not parsed."""


def decode_heartbeat(text: Any) -> DecodedHeartbeat:
    """Return the heartbeat of the attribute that the probe writes.

    :param text: None: the probe has not written yet; an instance can also write values that are no text
    """
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > MAX_HEARTBEAT_LENGTH:
        return UnreadableHeartbeat("it is not a short text")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return UnreadableHeartbeat(f"it is not JSON: {problem}"[:200])
    if not isinstance(fields, list) or not fields or fields[0] is None:
        return UnreadableHeartbeat("it is not a list of fields with a time")
    # A newer probe may have added fields at the end.
    named = zip(HEARTBEAT_FIELDS, fields, strict=False)
    return _decode_fields({name: value for name, value in named if value is not None})


def _decode_fields(raw: Mapping[str, Any]) -> Heartbeat | UnreadableHeartbeat:
    if raw.get("probe") != FORMAT_VERSION:
        version = _clean(str(raw.get("probe")), MAX_NAME_LENGTH)
        return UnreadableHeartbeat(
            f"the probe sends format {version}, and gpudesk reads format {FORMAT_VERSION}; stop and start the instance"
        )
    try:
        return _decode(raw)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, OSError) as problem:
        return UnreadableHeartbeat(_clean(f"{type(problem).__name__}: {problem}", MAX_PROBLEM_LENGTH))


def _decode(raw: Mapping[str, Any]) -> Heartbeat:
    at, boot_id = _read_time(raw["at"]), _read_id(raw["boot_id"])
    signals = raw["signals"]
    if not isinstance(signals, Mapping) or len(signals) > MAX_SIGNALS:
        raise ValueError(f"signals is not a map of at most {MAX_SIGNALS}")
    live_counts = list(raw.get("live_counts", {}).items())[:MAX_LIVE_COUNTS]
    return Heartbeat(
        instance_id=_read_id(raw["instance_id"]),
        at=at,
        boot_id=boot_id,
        signals={_read_id(name): _decode_signal(signal, at, boot_id) for name, signal in signals.items()},
        live_counts={
            truncate_ascii(_read_text(name), MAX_LIVE_COUNT_NAME_LENGTH): _read_count(number, MAX_LIVE_COUNT)
            for name, number in live_counts
        },
        acknowledged=_decode_acknowledgement(*raw["acknowledged"]) if "acknowledged" in raw else Acknowledgement(),
        keep_request=_decode_keep_request(*raw["keep_request"]) if "keep_request" in raw else None,
        missed_heartbeats=_decode_missed(*raw["missed_heartbeats"]) if "missed_heartbeats" in raw else None,
        self_stop=_decode_self_stop(*raw["self_stop"]) if "self_stop" in raw else None,
        setup=_decode_step(*raw["setup"]) if "setup" in raw else None,
        interruption=_clean(_read_text(raw["interruption"]), MAX_REASON_LENGTH) if "interruption" in raw else None,
    )


def _decode_signal(raw: Any, at: datetime, boot_id: str) -> Evidence:
    state, since_seconds, seconds_before, samples, largest_gap, reason = raw
    evidence = Evidence(
        state=SignalState(state),
        since=at - timedelta(seconds=_read_number(since_seconds)),
        at=at - timedelta(seconds=_read_number(seconds_before)),
        samples=_read_count(samples),
        largest_gap=timedelta(seconds=_read_count(largest_gap)),
        reason=_clean(_read_text(reason), MAX_REASON_LENGTH),
        boot_id=boot_id,
    )
    if evidence.since > evidence.at:
        raise ValueError("since is later than at")
    return evidence


def _decode_acknowledgement(until: Any, warning_id: Any, terminals: Any, jupyter_servers: Any) -> Acknowledgement:
    return Acknowledgement(
        keep_until=_read_time(until) if until else None,
        warning_id=_read_text(warning_id) or None,
        terminals=_read_count(terminals, MAX_LIVE_COUNT),
        jupyter_servers=_read_count(jupyter_servers, MAX_LIVE_COUNT),
    )


def _decode_keep_request(request_id: Any, seconds: Any) -> KeepRequest:
    return KeepRequest(id=_read_id(request_id), hours=_read_count(seconds) / 3600)


def _decode_missed(count: Any, since: Any, reason: Any) -> MissedHeartbeats:
    return MissedHeartbeats(
        count=_read_count(count), since=_read_time(since), reason=_clean(_read_text(reason), MAX_REASON_LENGTH)
    )


def _decode_self_stop(stop_at: Any, stopping_now: Any) -> SelfStopStatus:
    if not isinstance(stopping_now, bool):
        raise ValueError("self_stop is not a list of a time and a boolean")
    return SelfStopStatus(stop_at=_read_time(stop_at), stopping_now=stopping_now)


def _decode_step(document: Any, step: Any, position: Any, seconds: Any, line: Any) -> StepProgress:
    return StepProgress(
        document=_clean(_read_text(document), MAX_NAME_LENGTH),
        step=_clean(_read_text(step), MAX_NAME_LENGTH),
        position=_clean(_read_text(position), MAX_NAME_LENGTH),
        running_for=timedelta(seconds=_read_count(seconds)),
        last_output_line=_clean(_read_text(line), MAX_REASON_LENGTH),
    )


def _read_text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        raise ValueError(f"not a short text: {str(value)[:40]!r}")
    return value


def _read_id(value: Any) -> str:
    return truncate_ascii(_read_text(value), MAX_ID_LENGTH)


def _clean(text: str, length: int) -> str:
    """Return the text without secrets and control characters. Cutting it first could hide what makes it a secret."""
    return truncate_ascii(clean_line(text), length)


def _read_time(value: Any) -> datetime:
    return from_epoch_seconds(_read_count(value))


def _read_count(value: Any, maximum: int = MAX_NUMBER) -> int:
    number = _read_number(value)
    if not 0 <= number <= maximum:
        raise ValueError(f"not a count: {str(value)[:40]!r}")
    return int(number)


def _read_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MAX_NUMBER:
        raise ValueError(f"not a number: {str(value)[:40]!r}")
    return value

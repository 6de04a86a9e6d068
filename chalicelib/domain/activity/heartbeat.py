"""What an instance reports of itself: written by the probe, and read with suspicion, for its root can write anything.

A heartbeat and gpudesk's response share one DynamoDB item of at most a kilobyte, because a write is billed by the
item's kilobytes; so a signal is a list, moments are seconds, reasons are shortened as far as it takes, and where that
is not enough what can be spared is left out.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.activity.evidence import Evidence, State

FORMAT = 2
"""Of the item. Goes with each heartbeat, so that the desk can tell an old probe from a new one."""

REPORT_BYTES = 704
"""The machine's share of the kilobyte, its key included; the rest is for gpudesk's response."""

ATTRIBUTES = (
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

EXPENDABLE = ("setup", "missed_heartbeats", "live_counts")
"""What a heartbeat goes without, one before the next, where the shortest reasons leave no room for it."""

LONGEST_REASON = 120
SHORTEST_REASON = 16
LONGEST_NAME = 24
"""Of a document, a step, a place among steps."""
MOST_SIGNALS = 16
UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the machine has taken in of the desk's orders.

    :param keep_until: the keep that it knows of
    :param warning_id: the last warning that it has passed on to its people
    :param terminals: how many terminals took that warning that somebody is connected to
    :param notebooks: how many Jupyter servers took it
    """

    keep_until: datetime | None = None
    warning_id: str | None = None
    terminals: int = 0
    notebooks: int = 0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A keep that somebody asked for on the machine: a request, which the desk grants or refuses."""

    id: str
    hours: float


@dataclass(frozen=True, kw_only=True)
class Missed:
    """Heartbeats that did not get through before this one.

    :param since: when the first of them was due
    :param why: the last one's error
    """

    count: int
    since: datetime
    why: str


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """The machine's own judgement: it has warned its people and stops itself.

    :param is_over: it is doing so now
    """

    acts_at: datetime
    is_over: bool


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The step of a document that runs, for people: SSM shows nothing of it before it has ended.

    :param position: "2 of 5" steps of the document
    :param running_for: in the world's time, since the step began or began again
    :param line: what it said last
    """

    document: str
    step: str
    position: str
    running_for: timedelta
    line: str = ""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A report that could be read.

    :param at: the instance's (that is AWS's) time of the report
    :param boot_id: of the kernel; another one is another boot
    :param signals: the evidence of each signal by its name
    :param lives: what a stop would end: kernels, terminals, tmux sessions, by kind
    """

    instance_id: str
    at: datetime
    signals: Mapping[str, Evidence]
    boot_id: str = ""
    lives: Mapping[str, int] = field(default_factory=dict)
    heard: Heard = Heard()
    wish: Wish | None = None
    missed: Missed | None = None
    leaving: Leaving | None = None
    setup: Progress | None = None


@dataclass(frozen=True)
class Unreadable:
    """Something was there, and it made no sense."""

    why: str


Report = Heartbeat | Unreadable | None


def plain_heartbeat(beat: Heartbeat, key: str) -> dict[str, Any]:
    """As the probe writes it, in at most REPORT_BYTES; attributes that it lacks are to be removed from the item.

    Reasons are shortened as far as it takes; what a setup says is left out before they are too short to tell.

    :param key: the item's, which counts
    """
    left_out: set[str] = set()

    def plain(longest: int) -> dict[str, Any]:
        return {name: each for name, each in _plain(beat, longest).items() if name not in left_out}

    def size(longest: int) -> int:
        return item_size({"id": key, **plain(longest)})

    for name in EXPENDABLE:
        if size(SHORTEST_REASON) > REPORT_BYTES:
            left_out.add(name)
    lengths = range(SHORTEST_REASON, LONGEST_REASON + 1)
    return plain(lengths[max(0, bisect_right(lengths, REPORT_BYTES, key=size) - 1)])


def heartbeat_from(raw: Mapping[str, Any]) -> Report:
    """Read the item that the probe writes.

    :returns: None where the probe has not written yet (the desk itself made the item)
    """
    if "at" not in raw:
        return None
    if raw.get("probe") != FORMAT:
        version = str(raw.get("probe"))[:20]
        return Unreadable(f"the probe speaks version {version}, this desk {FORMAT}: stop the instance and start it")
    try:
        at, boot_id = _moment(raw["at"]), _text(raw["boot_id"])
        signals = raw["signals"]
        if not isinstance(signals, Mapping) or len(signals) > MOST_SIGNALS:
            raise ValueError(f"signals is not a map of at most {MOST_SIGNALS}")
        return Heartbeat(
            instance_id=_text(raw["instance_id"]),
            at=at,
            boot_id=boot_id,
            signals={_text(name): _evidence(signal, at, boot_id) for name, signal in signals.items()},
            lives={_text(kind)[:20]: _count(number) for kind, number in list(raw.get("live_counts", {}).items())[:8]},
            heard=_heard(raw["acknowledged"]) if "acknowledged" in raw else Heard(),
            wish=_wish(*raw["keep_request"]) if "keep_request" in raw else None,
            missed=_missed(*raw["missed_heartbeats"]) if "missed_heartbeats" in raw else None,
            leaving=_leaving(*raw["self_stop"]) if "self_stop" in raw else None,
            setup=_progress(*raw["setup"]) if "setup" in raw else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, OSError) as problem:
        return Unreadable(f"{type(problem).__name__}: {problem}"[:200])


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


def shortened(text: str, longest: int) -> str:
    """On one line of printable ASCII, at most `longest` characters."""
    line = UNPRINTABLE.sub("?", " ".join(text.split()))
    return line if len(line) <= longest else f"{line[: longest - 2]}.."


def _plain(beat: Heartbeat, longest: int) -> dict[str, Any]:
    heard = beat.heard
    plain: dict[str, Any] = {
        "at": _seconds(beat.at),
        "boot_id": beat.boot_id,
        "instance_id": beat.instance_id,
        "probe": FORMAT,
        "signals": {name: _signal(evidence, beat.at, longest) for name, evidence in beat.signals.items()},
    }
    if beat.lives:
        plain["live_counts"] = dict(beat.lives)
    if heard != Heard():
        until = _seconds(heard.keep_until) if heard.keep_until else 0
        plain["acknowledged"] = [until, heard.warning_id or "", heard.terminals, heard.notebooks]
    if beat.wish:
        plain["keep_request"] = [beat.wish.id, round(beat.wish.hours * 3600)]
    if beat.missed:
        plain["missed_heartbeats"] = [beat.missed.count, _seconds(beat.missed.since), shortened(beat.missed.why, 24)]
    if beat.leaving:
        plain["self_stop"] = [_seconds(beat.leaving.acts_at), beat.leaving.is_over]
    if beat.setup:
        plain["setup"] = _plain_progress(beat.setup, longest)
    return plain


def _plain_progress(progress: Progress, longest: int) -> list[Any]:
    texts = (shortened(each, LONGEST_NAME) for each in (progress.document, progress.step, progress.position))
    return [*texts, round(progress.running_for.total_seconds()), shortened(progress.line, longest)]


def _signal(evidence: Evidence, at: datetime, longest: int) -> list[Any]:
    return [
        evidence.state.value,
        _seconds(evidence.since),
        _seconds(at) - _seconds(evidence.at),
        evidence.samples,
        math.ceil(evidence.largest_gap.total_seconds()),
        shortened(evidence.reason, longest),
    ]


def _evidence(raw: Any, at: datetime, boot_id: str) -> Evidence:
    state, since, before, samples, largest_gap, reason = raw
    evidence = Evidence(
        state=State(state),
        since=_moment(since),
        at=at - timedelta(seconds=_number(before)),
        samples=_count(samples),
        largest_gap=timedelta(seconds=_count(largest_gap)),
        reason=shortened(_text(reason), LONGEST_REASON),
        boot_id=boot_id,
    )
    if evidence.since > evidence.at:
        raise ValueError("since is later than at")
    return evidence


def _heard(raw: Any) -> Heard:
    until, warning_id, terminals, notebooks = raw
    return Heard(
        keep_until=_moment(until) if until else None,
        warning_id=_text(warning_id) or None,
        terminals=_count(terminals),
        notebooks=_count(notebooks),
    )


def _wish(wish_id: Any, seconds: Any) -> Wish:
    return Wish(id=shortened(_text(wish_id), 40), hours=_count(seconds) / 3600)


def _missed(count: Any, since: Any, why: Any) -> Missed:
    return Missed(count=_count(count), since=_moment(since), why=shortened(_text(why), LONGEST_REASON))


def _leaving(acts_at: Any, is_over: Any) -> Leaving:
    if not isinstance(is_over, bool):
        raise ValueError("self_stop is not a list of a time and a boolean")
    return Leaving(acts_at=_moment(acts_at), is_over=is_over)


def _progress(document: Any, step: Any, position: Any, seconds: Any, line: Any) -> Progress:
    return Progress(
        document=shortened(_text(document), LONGEST_NAME),
        step=shortened(_text(step), LONGEST_NAME),
        position=shortened(_text(position), LONGEST_NAME),
        running_for=timedelta(seconds=_count(seconds)),
        line=shortened(_text(line), LONGEST_REASON),
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

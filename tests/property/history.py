"""Hypothesis strategies for histories: the events of each minute of a world."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from hypothesis import strategies as st

from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import SIGNALS


class Link(Enum):
    """Transmission of a heartbeat. A heartbeat that is not lost returns the heartbeat response."""

    THROUGH = "through"
    TWICE = "each sample is folded twice"
    LATE = "an older heartbeat is written after it"
    LOST = "lost"


class SimpleEvent(Enum):
    """An event without a value."""

    REBOOT = "reboot"
    DELIVERY = "the warning is delivered"
    OTHER_POLICY = "the policy is changed"
    FIRST_POLICY = "the policy is changed back"


@dataclass(frozen=True)
class KeepEvent:
    """A request for a keep, by the API or on the instance."""

    minutes: int
    on_instance: bool = False


@dataclass(frozen=True)
class ClockJump:
    """From now on the clock of the instance is wrong by `seconds`."""

    seconds: int


WorldEvent = SimpleEvent | KeepEvent | ClockJump | Mode | None


@dataclass(frozen=True)
class Minute:
    """Events of one minute. Every signal is quiet, except `active`, `unknown` and `missing`."""

    active: str | None = None
    unknown: str | None = None
    missing: str | None = None
    link: Link = Link.THROUGH
    sweeps: bool = True
    is_setting_up: bool = False
    event: WorldEvent = None

    def state(self, signal: str) -> SignalState | None:
        if signal == self.missing:
            return None
        if signal == self.active:
            return SignalState.ACTIVE
        return SignalState.UNKNOWN if signal == self.unknown else SignalState.QUIET

    @property
    def is_quiet(self) -> bool:
        """Return whether every sample was quiet."""
        return not (self.active or self.unknown)


History = list[tuple[Minute, int]]

rare_signals = st.one_of(*[st.none()] * 12, st.sampled_from(SIGNALS))
events: st.SearchStrategy[WorldEvent] = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.sampled_from(SimpleEvent),
    st.builds(KeepEvent, st.integers(1, 45), st.booleans()),
    st.builds(ClockJump, st.sampled_from([0, 0, 3, -3, 45, -45, 150, -150, 600, -600, 7200, -7200])),
    st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.DRY_RUN, Mode.PAUSED]),
)
minutes = st.builds(
    Minute,
    active=rare_signals,
    unknown=rare_signals,
    missing=rare_signals,
    link=st.sampled_from([Link.THROUGH] * 12 + list(Link)),
    sweeps=st.sampled_from([True] * 9 + [False]),
    is_setting_up=st.sampled_from([False] * 12 + [True]),
    event=events,
)
histories: st.SearchStrategy[History] = st.lists(
    st.tuples(minutes, st.one_of(st.integers(1, 4), st.integers(8, 45))), min_size=2, max_size=9
)


def list_minutes(history: History) -> Iterator[Minute]:
    """Yield the minutes of a history. A minute repeats `count` times, and its event happens in the first one."""
    for minute, count in history:
        yield minute
        lasting = replace(minute, event=None)
        for _ in range(count - 1):
            yield lasting


def remove_events(history: History, *kinds: type) -> History:
    """Return the history without the events of some kinds."""
    return [(replace(m, event=None) if isinstance(m.event, kinds) else m, count) for m, count in history]

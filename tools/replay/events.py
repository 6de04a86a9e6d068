"""Events of a history, each at a time of one instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.idle.evidence import SignalState


@dataclass(frozen=True, slots=True)
class Ready:
    """The instance is ready: for the first time, after a stop, or after a setup. The idle window starts."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """Sample of one signal."""

    state: SignalState
    reason: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The probe sent a heartbeat, with one sample of each available signal."""

    at: datetime
    signals: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class Keep:
    """A keep was granted."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class SetupStarted:
    """A document of gpudesk started to run on the instance."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SetupEnded:
    """The document of the last `SetupStarted` has ended."""

    at: datetime


@dataclass(frozen=True, slots=True)
class StoppedOutside:
    """The instance was stopped outside gpudesk."""

    at: datetime


@dataclass(frozen=True, slots=True)
class HistoryEnd:
    """The end of the known history. Time passes without events until then."""

    at: datetime


Event = Ready | Heartbeat | Keep | SetupStarted | SetupEnded | StoppedOutside | HistoryEnd

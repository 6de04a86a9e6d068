"""What an instance reports of itself: written by the probe, and read with suspicion, for its root can write anything.

A heartbeat and gpudesk's response share one DynamoDB item of at most a kilobyte, because a write is billed by the
item's kilobytes; so a signal is a list, moments are seconds, reasons are shortened as far as it takes, and where that
is not enough what can be spared is left out.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.idle.evidence import Evidence

FORMAT_VERSION = 2
"""Of the item. Goes with each heartbeat, so that the desk can tell an old probe from a new one."""

MAX_HEARTBEAT_BYTES = 704
"""The machine's share of the kilobyte, its key included; the rest is for gpudesk's response."""


MAX_REASON_LENGTH = 120
MAX_NAME_LENGTH = 24
"""Of a document, a step, a place among steps."""
MAX_SIGNALS = 16


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """What the machine has taken in of the desk's orders.

    :param keep_until: the keep that it knows of
    :param warning_id: the last warning that it has passed on to its people
    :param terminals: how many terminals took that warning that somebody is connected to
    :param jupyter_servers: how many Jupyter servers took it
    """

    keep_until: datetime | None = None
    warning_id: str | None = None
    terminals: int = 0
    jupyter_servers: int = 0


@dataclass(frozen=True, kw_only=True)
class KeepRequest:
    """A keep that somebody asked for on the machine: a request, which the desk grants or refuses."""

    id: str
    hours: float


@dataclass(frozen=True, kw_only=True)
class MissedHeartbeats:
    """Heartbeats that did not get through before this one.

    :param since: when the first of them was due
    :param reason: the last one's error
    """

    count: int
    since: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class SelfStopStatus:
    """The machine's own judgement: it has warned its people and stops itself.

    :param stopping_now: it is doing so now
    """

    stop_at: datetime
    stopping_now: bool


@dataclass(frozen=True, kw_only=True)
class StepProgress:
    """The step of a document that runs, for people: SSM shows nothing of it before it has ended.

    :param position: "2 of 5" steps of the document
    :param running_for: in the world's time, since the step began or began again
    :param last_output_line: what it said last
    """

    document: str
    step: str
    position: str
    running_for: timedelta
    last_output_line: str = ""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A report that could be read.

    :param at: the instance's (that is AWS's) time of the report
    :param boot_id: of the kernel; another one is another boot
    :param signals: the evidence of each signal by its name
    :param live_counts: what a stop would end: kernels, terminals, tmux sessions, by kind
    """

    instance_id: str
    at: datetime
    signals: Mapping[str, Evidence]
    boot_id: str = ""
    live_counts: Mapping[str, int] = field(default_factory=dict)
    acknowledged: Acknowledgement = Acknowledgement()
    keep_request: KeepRequest | None = None
    missed_heartbeats: MissedHeartbeats | None = None
    self_stop: SelfStopStatus | None = None
    setup: StepProgress | None = None


@dataclass(frozen=True)
class UnreadableHeartbeat:
    """Something was there, and it made no sense."""

    reason: str


DecodedHeartbeat = Heartbeat | UnreadableHeartbeat | None

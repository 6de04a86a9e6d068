"""Define the heartbeat: what an instance reports about itself once a minute.

The probe writes it (`heartbeat_encoding.py`). gpudesk reads it (`heartbeat_decoding.py`) and does not trust it, because
the root user of the instance can write anything.

A heartbeat and gpudesk's response share one DynamoDB item of at most 1 KiB: a write is billed per KiB of the item.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.domain.idle.evidence import Evidence

FORMAT_VERSION = 3
"""Version of the heartbeat's format. It is part of each heartbeat, so that gpudesk recognizes an old probe."""

MAX_HEARTBEAT_BYTES = 720
"""The heartbeat's share of the 1 KiB item, with the key. The rest is for gpudesk's response and the expiry."""

MAX_REASON_LENGTH = 120

MAX_NAME_LENGTH = 24
"""Length of the name of a document or a step, and of a step's position."""

MAX_SIGNALS = 16


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """The part of gpudesk's heartbeat responses that the instance has received.

    :param keep_until: the end of the keep that the instance knows of
    :param warning_id: the last stop warning that it showed to the people who are logged in
    :param terminals: number of terminals in use that showed the warning
    :param jupyter_servers: number of Jupyter servers that showed the warning
    """

    keep_until: datetime | None = None
    warning_id: str | None = None
    terminals: int = 0
    jupyter_servers: int = 0


@dataclass(frozen=True, kw_only=True)
class KeepRequest:
    """A request for a keep, made with `gpudesk-keep` on the instance. gpudesk grants or refuses it."""

    id: str
    hours: float


@dataclass(frozen=True, kw_only=True)
class MissedHeartbeats:
    """Heartbeats that could not be written before this one.

    :param since: when the first of them was due
    :param reason: the error of the last attempt
    """

    count: int
    since: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class SelfStopStatus:
    """A self-stop that the instance has announced.

    :param stopping_now: the instance is shutting down
    """

    stop_at: datetime
    stopping_now: bool


@dataclass(frozen=True, kw_only=True)
class StepProgress:
    """Progress of the document that is running. SSM shows the output of a step only after the step has ended.

    :param position: position among the steps of the document, "2 of 5"
    :param running_for: time since the step began, or began again; in real seconds, also if the local cloud's clock is
        faster
    """

    document: str
    step: str
    position: str
    running_for: timedelta
    last_output_line: str = ""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A heartbeat that could be read.

    :param at: time of the heartbeat, by the clock of the instance, which AWS sets
    :param signals: the evidence of each signal, by the name of the signal
    :param boot_id: the kernel's id of this boot
    :param live_counts: number of kernels, terminals and tmux sessions that a stop would end, by kind
    :param interruption: EC2's warning that it interrupts this spot instance, "stop 2026-01-05T09:02:00Z"
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
    interruption: str | None = None


@dataclass(frozen=True)
class UnreadableHeartbeat:
    """A heartbeat that could not be decoded."""

    reason: str


DecodedHeartbeat = Heartbeat | UnreadableHeartbeat | None
"""Result of decoding the item. None: the probe has not written yet."""

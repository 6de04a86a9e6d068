"""Samples folded into evidence: the half of the idle rule that runs on the machine.

The probe carries this package to the instance, so it imports the standard library alone and nothing else of the desk.
The desk judges what it makes (`idle.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MAX_SAMPLE_GAP = timedelta(minutes=3)
"""Between two samples a minute apart, two may be lost before the time between them counts as unseen."""

MAX_CLOCK_STEP_BACK = timedelta(seconds=5)
"""A clock that is set back by more has jumped: what was measured against it is void."""


class SignalState(StrEnum):
    """What a signal says of a moment."""

    ACTIVE = "active"
    QUIET = "quiet"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sample:
    """One reading of one signal.

    :param at: when it was taken, UTC
    :param boot_id: the kernel's id of this boot; another one voids what went before
    :param reason: what was seen, for people ("GPU 1 of 8 at 97 %")
    """

    at: datetime
    state: SignalState
    reason: str
    boot_id: str


@dataclass(frozen=True)
class Evidence:
    """An unbroken run of samples of one signal in one state.

    :param since: when the first sample of the run was taken
    :param at: when the last one was taken
    :param samples: how many the run has
    :param largest_gap: the longest time between two neighbours of the run
    :param reason: the last sample's
    """

    state: SignalState
    since: datetime
    at: datetime
    samples: int
    largest_gap: timedelta
    reason: str
    boot_id: str


def fold_sample(evidence: Evidence | None, sample: Sample) -> Evidence:
    """Add a sample to the evidence.

    The run goes on while the state stays the same; `since` is void after a gap, a reboot or a clock that jumped back.
    A sample that is not newer than the last one (a duplicate) changes nothing.
    """
    if evidence is None or _is_void(evidence, sample) or evidence.state is not sample.state:
        return Evidence(
            state=sample.state,
            since=sample.at,
            at=sample.at,
            samples=1,
            largest_gap=timedelta(0),
            reason=sample.reason,
            boot_id=sample.boot_id,
        )
    gap = sample.at - evidence.at
    if gap <= timedelta(0):
        return evidence
    return replace(
        evidence,
        at=sample.at,
        samples=evidence.samples + 1,
        largest_gap=max(evidence.largest_gap, gap),
        reason=sample.reason,
    )


def _is_void(evidence: Evidence, sample: Sample) -> bool:
    gap = sample.at - evidence.at
    return sample.boot_id != evidence.boot_id or gap > MAX_SAMPLE_GAP or gap < -MAX_CLOCK_STEP_BACK

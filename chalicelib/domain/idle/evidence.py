"""Fold samples into evidence: the half of the idle rule that runs on the instance. `rule.py` judges the evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MAX_SAMPLE_GAP = timedelta(minutes=3)
"""Samples are a minute apart. Two may be lost; after a longer gap nothing is known about the time between."""

MAX_CLOCK_STEP_BACK = timedelta(seconds=5)
"""If the clock is set back by more than this, it has jumped, and the times before are void."""


class SignalState(StrEnum):
    """State of a signal at one moment."""

    ACTIVE = "active"
    QUIET = "quiet"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sample:
    """One reading of one signal.

    :param at: when it was taken, UTC
    :param reason: the reading, for people ("GPU 1 of 8 at 97 %")
    :param boot_id: the kernel's id of this boot; a new id makes the earlier samples void
    """

    at: datetime
    state: SignalState
    reason: str
    boot_id: str


@dataclass(frozen=True)
class Evidence:
    """An unbroken run of samples of one signal in one state.

    :param since: when the first sample of the run was taken
    :param at: when the last sample was taken
    :param samples: number of samples in the run
    :param largest_gap: the longest time between two samples that follow each other
    :param reason: the reason of the last sample
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

    The run continues while the state stays the same. A gap, a reboot or a clock that jumped back starts a new run. A
    sample that is not newer than the last one (a duplicate) changes nothing.
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

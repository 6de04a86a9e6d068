"""The report of a sweep, which its parts fill in."""

from dataclasses import dataclass, field


@dataclass
class SweepReport:
    """Counts and ids of one sweep, for the log and for tests.

    :ivar failed: the ids of the records that could not be read or reconciled
    :ivar left_over: how much work the next sweep does first
    :ivar is_skipped: another sweep was running
    """

    examined: int = 0
    failed: list[str] = field(default_factory=list)
    unavailable_regions: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    left_over: int = 0
    is_skipped: bool = False

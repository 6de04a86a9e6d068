"""Reports from the future: once the desk's clock has caught up with them, their times make them look fresh.

So what was seen to be ahead is doubted until a report proves its own age: it came between two looks that were close
together, and neither of the two found it ahead.
"""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.idle.rule import HEARTBEAT_MAX_AGE, HEARTBEAT_MAX_FUTURE_SKEW


@dataclass(frozen=True, kw_only=True)
class ClockSkew:
    """A report of its machine was from the future: how old its reports are, their times do not say.

    :param reported_at: the time in the report that is doubted
    :param first_plausible_at: when the desk first saw that report, where it was not ahead any more
    """

    reported_at: datetime
    first_plausible_at: datetime | None = None


def detect_clock_skew(known: ClockSkew | None, heartbeat: DecodedHeartbeat, now: datetime) -> ClockSkew | None:
    """What to make of the times in a machine's reports; None where nothing speaks against them.

    It is written down at the first report that is ahead, and not for each that follows.
    """
    if not isinstance(heartbeat, Heartbeat):
        return known
    if heartbeat.at > now + HEARTBEAT_MAX_FUTURE_SKEW:
        return known if known and known.first_plausible_at is None else ClockSkew(reported_at=heartbeat.at)
    if known is None or heartbeat.at == known.reported_at:
        return known
    looked_at = known.first_plausible_at
    if looked_at and heartbeat.at > known.reported_at and now - looked_at <= HEARTBEAT_MAX_AGE:
        return None
    return ClockSkew(reported_at=heartbeat.at, first_plausible_at=now)

"""Detect heartbeats from the future.

A heartbeat with a time in the future looks fresh once gpudesk's clock has reached that time, however old it is. So
after such a heartbeat the times of the instance are not trusted, until a heartbeat proves its own age: it is newer than
one that gpudesk saw at most HEARTBEAT_MAX_AGE before, and neither of the two was in the future.
"""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.idle.rule import HEARTBEAT_MAX_AGE, HEARTBEAT_MAX_FUTURE_SKEW


@dataclass(frozen=True, kw_only=True)
class ClockSkew:
    """A heartbeat was from the future, so the age of the instance's heartbeats is not known.

    :param reported_at: the time in the heartbeat that is not trusted
    :param first_plausible_at: when gpudesk first saw that heartbeat no longer in the future; None: not yet
    """

    reported_at: datetime
    first_plausible_at: datetime | None = None


def detect_clock_skew(known: ClockSkew | None, heartbeat: DecodedHeartbeat, now: datetime) -> ClockSkew | None:
    """Return whether the times of the instance's heartbeats are trusted, after one more heartbeat.

    While heartbeats stay in the future, the first one is remembered, so that not each of them is a write.

    :param known: the skew that was detected before
    :returns: None: the times are trusted
    """
    if not isinstance(heartbeat, Heartbeat):
        return known
    if heartbeat.at > now + HEARTBEAT_MAX_FUTURE_SKEW:
        return known if known and known.first_plausible_at is None else ClockSkew(reported_at=heartbeat.at)
    if known is None or heartbeat.at == known.reported_at:
        return known
    plausible_at = known.first_plausible_at
    if plausible_at and heartbeat.at > known.reported_at and now - plausible_at <= HEARTBEAT_MAX_AGE:
        return None
    return ClockSkew(reported_at=heartbeat.at, first_plausible_at=now)

"""Detect heartbeats from the future.

When gpudesk's clock reaches the time of a heartbeat from the future, that heartbeat looks fresh, although it is old. So
after such a heartbeat gpudesk does not trust the times of the instance. It trusts them again when two heartbeats that
were not in the future arrived within HEARTBEAT_MAX_AGE, and the second one has a later time than the first.
"""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.idle.rule import HEARTBEAT_MAX_AGE, HEARTBEAT_MAX_FUTURE_SKEW


@dataclass(frozen=True, kw_only=True)
class ClockSkew:
    """A heartbeat was from the future, so the age of the instance's heartbeats is not known.

    :param reported_at: the time in the heartbeat that is not trusted
    :param first_plausible_at: when gpudesk first saw that time in the past; None: not yet
    """

    reported_at: datetime
    first_plausible_at: datetime | None = None


def detect_clock_skew(known: ClockSkew | None, heartbeat: DecodedHeartbeat, now: datetime) -> ClockSkew | None:
    """Return the clock skew of an instance after one more heartbeat.

    While heartbeats stay in the future, the first one is remembered, so that not each of them changes the record.

    :param known: the skew that was detected before
    :returns: None if the times of the heartbeats are trusted
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

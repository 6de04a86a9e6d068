"""AWS's answers to launches and starts of one type in one zone and market.

A record is the fold of `add_result` over results, so it can be computed again from a timeline. Its size has a limit: a
tally for each hour of the week, the last ten results, and the last hours with a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

HOURS_OF_WEEK = 7 * 24

HALF_LIFE = timedelta(weeks=4)
"""Time after which a result counts half: capacity of a type changes over months."""

MAX_TALLY = 20.0
"""Maximum of a tally, so that a change shows after a few results."""

HINT_WEIGHT = 0.25
"""A hint is the name of a zone in the text of a refusal elsewhere. It promises nothing."""

MAX_RECENT = 10

MAX_TRIED_HOURS = 48
"""Five mornings need 30 hours (6 to 12 o'clock each). An hour takes about 11 bytes."""

FIRST_AVOIDANCE = timedelta(minutes=3)
LONGEST_AVOIDANCE = timedelta(hours=1)
"""A zone without capacity often has none for hours, so each refusal in a row doubles the time until the next try."""

MAX_DOUBLINGS = 8
"""More would exceed LONGEST_AVOIDANCE by far."""


class Result(StrEnum):
    """An answer about capacity."""

    LAUNCHED = "launched"
    REFUSED = "refused"
    HINTED = "hinted"
    """EC2 refused another zone, and its text named this one."""


@dataclass(frozen=True)
class Tally:
    """Results of one hour of the week, which lose weight with time.

    :param launched: weight of the launches and hints
    :param refused: weight of the refusals
    :param at: time up to which the weights are reduced
    """

    launched: float
    refused: float
    at: datetime


@dataclass(frozen=True)
class TriedHour:
    """An hour with a result that is no hint. Unlike a tally, it counts a start once that is tried every 2 minutes.

    :param at: its beginning in UTC
    :param has_refusal: EC2 refused at least once
    """

    at: datetime
    has_refusal: bool


@dataclass(frozen=True)
class CapacityRecord:
    """The results of a type in a zone and market.

    :param tallies: by hour of the week, 0 is Monday 00:00 to 01:00 UTC
    :param recent: the last results without hints, the newest last
    :param refused_in_a_row: refusals since the last launch or hint
    :param tried_hours: the last hours with a result, the newest last
    """

    tallies: Mapping[int, Tally] = field(default_factory=dict)
    recent: tuple[Result, ...] = ()
    refused_in_a_row: int = 0
    last_refused_at: datetime | None = None
    last_launched_at: datetime | None = None
    tried_hours: tuple[TriedHour, ...] = ()

    @property
    def avoided_until(self) -> datetime | None:
        """Return until when other offers are tried first; None: nothing was refused since the last success."""
        if self.last_refused_at is None or not self.refused_in_a_row:
            return None
        doublings = min(self.refused_in_a_row - 1, MAX_DOUBLINGS)
        return self.last_refused_at + min(FIRST_AVOIDANCE * float(2**doublings), LONGEST_AVOIDANCE)

    def is_avoided(self, now: datetime) -> bool:
        """Return whether other offers are tried first."""
        return self.avoided_until is not None and now < self.avoided_until


def add_result(record: CapacityRecord, result: Result, at: datetime) -> CapacityRecord:
    """Return the record with one more result, which is the newest."""
    hour = get_hour_of_week(at)
    tallies = {**record.tallies, hour: _count(record.tallies.get(hour), result, at)}
    if result is Result.HINTED:
        return replace(record, tallies=tallies, refused_in_a_row=0)
    tried_hours = _add_tried_hour(record.tried_hours, at, has_refusal=result is Result.REFUSED)
    recent = (*record.recent, result)[-MAX_RECENT:]
    counted = replace(record, tallies=tallies, recent=recent, tried_hours=tried_hours)
    if result is Result.LAUNCHED:
        return replace(counted, refused_in_a_row=0, last_launched_at=at)
    return replace(counted, refused_in_a_row=record.refused_in_a_row + 1, last_refused_at=at)


def replay(results: Iterable[tuple[Result, datetime]]) -> CapacityRecord:
    """Return the record of results in the order of their times."""
    record = CapacityRecord()
    for result, at in results:
        record = add_result(record, result, at)
    return record


def get_hour_of_week(at: datetime) -> int:
    """Return the hour of the week in UTC, 0 to 167."""
    return at.weekday() * 24 + at.hour


def decay(tally: Tally, now: datetime) -> Tally:
    """Return the tally with the weights that its results have now."""
    factor = 0.5 ** (max(now - tally.at, timedelta()) / HALF_LIFE)
    return Tally(tally.launched * factor, tally.refused * factor, now)


def _add_tried_hour(hours: tuple[TriedHour, ...], at: datetime, *, has_refusal: bool) -> tuple[TriedHour, ...]:
    hour = at.replace(minute=0, second=0, microsecond=0)
    if hours and hours[-1].at == hour:
        return (*hours[:-1], TriedHour(hour, hours[-1].has_refusal or has_refusal))
    return (*hours, TriedHour(hour, has_refusal))[-MAX_TRIED_HOURS:]


def _count(tally: Tally | None, result: Result, at: datetime) -> Tally:
    now = decay(tally, at) if tally else Tally(0.0, 0.0, at)
    launched = {Result.LAUNCHED: 1.0, Result.HINTED: HINT_WEIGHT, Result.REFUSED: 0.0}[result]
    refused = 1.0 if result is Result.REFUSED else 0.0
    scale = min(1.0, MAX_TALLY / (now.launched + now.refused + launched + refused))
    return Tally((now.launched + launched) * scale, (now.refused + refused) * scale, at)

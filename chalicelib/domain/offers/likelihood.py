"""How likely the next launch of a type in a zone and market succeeds, with the evidence for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.common.text import format_age
from chalicelib.domain.offers.capacity_record import (
    HOURS_OF_WEEK,
    CapacityRecord,
    Result,
    decay,
    get_hour_of_week,
)

PRIOR_LAUNCHED, PRIOR_REFUSED = 1.0, 1.0
"""Without a result, a launch succeeds as often as not."""

SAME_HOUR, NEXT_HOUR, SAME_TIME, OTHER_TIME = 1.0, 0.5, 0.25, 0.05
"""Weights of results: of this hour of the week, of the hour before or after, of this hour on other days, of others."""

HALF_LIFE_OF_LAST_RESULT = timedelta(hours=1)
"""Capacity stays for hours, so the last result says more than the same hour of another week, at first."""


@dataclass(frozen=True)
class Likelihood:
    """An estimate.

    :param value: 0 to 1
    :param evidence: the results behind it, for people; empty: there are none
    """

    value: float
    evidence: str = ""


def estimate_likelihood(record: CapacityRecord, now: datetime) -> Likelihood:
    """Return how likely a launch succeeds now."""
    value = _estimate_by_hour(record, now)
    last = _find_last_result(record)
    if last:
        result, at = last
        weight = 0.5 ** (max(now - at, timedelta()) / HALF_LIFE_OF_LAST_RESULT)
        value = weight * (result is Result.LAUNCHED) + (1 - weight) * value
    return Likelihood(value, describe_evidence(record, now))


def describe_evidence(record: CapacityRecord, now: datetime) -> str:
    """Return the last results as a text such as "launched in 9 of 10 tries, the last 20 min ago".

    The age of the last one is named, because it decides how far the estimate is from one half.
    """
    last = _find_last_result(record)
    if last is None:
        return ""
    result, at = last
    age = format_age(now - at)
    if len(record.recent) == 1:
        return f"{result} in its only try, {age}"
    launched = sum(each is Result.LAUNCHED for each in record.recent)
    text = f"launched in {launched} of {len(record.recent)} tries"
    if result is Result.REFUSED:
        return f"{text}, refused in the last, {age}"
    refused = f", last refused {record.last_refused_at:%A %H:%M} UTC" if record.last_refused_at else ""
    return f"{text}, the last {age}{refused}"


def _estimate_by_hour(record: CapacityRecord, now: datetime) -> float:
    hour = get_hour_of_week(now)
    launched, refused = PRIOR_LAUNCHED, PRIOR_REFUSED
    for other, tally in record.tallies.items():
        weight, present = _weigh(other, hour), decay(tally, now)
        launched += weight * present.launched
        refused += weight * present.refused
    return launched / (launched + refused)


def _weigh(other: int, hour: int) -> float:
    distance = min((other - hour) % HOURS_OF_WEEK, (hour - other) % HOURS_OF_WEEK)
    if distance == 0:
        return SAME_HOUR
    if distance == 1:
        return NEXT_HOUR
    return SAME_TIME if distance % 24 == 0 else OTHER_TIME


def _find_last_result(record: CapacityRecord) -> tuple[Result, datetime] | None:
    if not record.recent:
        return None
    result = record.recent[-1]
    at = record.last_launched_at if result is Result.LAUNCHED else record.last_refused_at
    return (result, at) if at else None

"""Say before a stop how EC2 has answered at the time of the likely next start.

A stopped instance starts in the zone of its disk only. The next start is assumed in the morning of a weekday, in the
region's solar time: `domain` knows no time zones, and the morning has an hour to spare on both sides.
"""

from datetime import date, datetime, timedelta

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.text import format_time
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.capacity_record import HALF_LIFE, CapacityRecord
from chalicelib.domain.offers.places import PLACES
from chalicelib.domain.offers.region_capacity import RegionCapacity

MORNING_START, MORNING_END = 6, 12
"""Hours of the day in the region's solar time, which is at most two hours from its clocks."""

FIRST_WEEKEND_DAY = 5

MAX_MORNINGS = 5

MIN_MORNINGS, MIN_REFUSED_MORNINGS = 3, 2
"""With less, nothing is said: one bad morning can be chance."""

MAX_AGE = 2 * HALF_LIFE
"""Capacity of a type changes over months. At this age, a result counts a quarter in the likelihood."""

DEGREES_PER_HOUR = 15


def describe_start_outlook(instance: Instance, capacity: RegionCapacity, now: datetime) -> str:
    """Return what earlier answers of EC2 say about a start after a stop, in sentences.

    :param capacity: the records of the instance's region
    :returns: an empty text: too few answers, or too few refusals
    """
    ec2_instance, spec = instance.ec2_instance, instance.spec
    if ec2_instance is None:
        return ""
    record = capacity.find_record(spec.hardware.instance_type, ec2_instance.zone, spec.market)
    when = _describe_refused_mornings(record, spec.region, now) or _describe_last_refusal(record, now)
    if not when:
        return ""
    market = " on the spot market" if spec.market is Market.SPOT else ""
    evidence = (
        f"EC2 refused {spec.hardware.instance_type}{market} in {ec2_instance.zone} {when}. After this stop, it may "
        f"refuse a start of {instance.name}, too."
    )
    if instance.is_adopted_on_request:
        return evidence
    return f"{evidence} Then move {instance.name} to another zone, or launch another instance from an image of it."


def list_mornings(record: CapacityRecord, region: str, now: datetime) -> list[tuple[date, bool]]:
    """Return the last weekday mornings with an answer, the newest first, each with whether EC2 refused in it."""
    offset = _compute_solar_offset(region)
    mornings: dict[date, bool] = {}
    for hour in record.tried_hours:
        local = hour.at + offset
        is_morning = MORNING_START <= local.hour < MORNING_END and local.weekday() < FIRST_WEEKEND_DAY
        if is_morning and now - hour.at <= MAX_AGE:
            mornings[local.date()] = mornings.get(local.date(), False) or hour.has_refusal
    return sorted(mornings.items(), reverse=True)[:MAX_MORNINGS]


def _describe_refused_mornings(record: CapacityRecord, region: str, now: datetime) -> str:
    mornings = list_mornings(record, region, now)
    refused = sum(is_refused for _, is_refused in mornings)
    if len(mornings) < MIN_MORNINGS or refused < MIN_REFUSED_MORNINGS:
        return ""
    shift = int(_compute_solar_offset(region) / timedelta(hours=1))
    start, end = ((hour - shift) % 24 for hour in (MORNING_START, MORNING_END))
    times = f"{start:02}:00 to {end:02}:00 UTC"
    return f"on {refused} of the last {len(mornings)} weekday mornings with a request ({times})"


def _describe_last_refusal(record: CapacityRecord, now: datetime) -> str:
    """Return when EC2 refused last, if launches still try other offers first."""
    refused_at = record.last_refused_at
    return f"at {format_time(refused_at)}" if refused_at and record.is_avoided(now) else ""


def _compute_solar_offset(region: str) -> timedelta:
    """Return the whole hours between UTC and the sun of the region; none of a region without a known place."""
    place = PLACES.get(region)
    return timedelta(hours=round(place.longitude / DEGREES_PER_HOUR)) if place else timedelta()

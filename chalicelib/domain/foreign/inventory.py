"""The list of foreign instances: what was read of each region, and of which instances the admins are notified."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import format_date_time, pluralize
from chalicelib.domain.foreign.instance import ForeignInstance, compute_daily_price

MAX_INSTANCES = 300
"""Instances that are kept. With the limits of their tags, they fit into one item of DynamoDB, of 400 KB at most."""

MAX_NAMED = 10
"""Instances that a notification names. The API lists all."""

MAX_REASON_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class RegionReading:
    """The last reading of one region.

    :param read_at: when EC2 last answered; None: never
    :param problem: why the region could not be read the last time, as a sentence; None: it could
    :param instances: those of the last answer
    """

    region: str
    read_at: datetime | None = None
    problem: str | None = None
    instances: tuple[ForeignInstance, ...] = ()

    def fail(self, problem: str) -> "RegionReading":
        """Return the reading after a try that failed. The instances of the last answer stay."""
        return replace(self, problem=problem[:MAX_REASON_LENGTH])


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The foreign instances of all enabled regions.

    :param as_of: when the regions were last read; None: not yet
    :param readings: one for each enabled region
    :param notified: the ids of the instances that the admins were notified of, as long as they are listed
    :param left_out_count: instances that are not kept, because there are more than MAX_INSTANCES
    """

    as_of: datetime | None = None
    readings: tuple[RegionReading, ...] = ()
    notified: tuple[str, ...] = ()
    left_out_count: int = 0

    def list_instances(self) -> tuple[ForeignInstance, ...]:
        """Return all instances, those that run first, then by region and id."""
        found = [instance for reading in self.readings for instance in reading.instances]
        return tuple(sorted(found, key=_sort_key))

    def find(self, instance_id: str) -> ForeignInstance | None:
        """Return an instance by its id; None: it is not listed."""
        return next((item for item in self.list_instances() if item.instance_id == instance_id), None)


def order_regions(regions: Iterable[str], before: Inventory) -> list[str]:
    """Return regions in the order in which they are read: never read, then read long ago."""
    read_at = {reading.region: reading.read_at for reading in before.readings}
    return sorted(regions, key=lambda region: (at.timestamp() if (at := read_at.get(region)) else 0.0, region))


def limit_instances(readings: Sequence[RegionReading]) -> tuple[tuple[RegionReading, ...], int]:
    """Keep MAX_INSTANCES, those that run first.

    :returns: the readings with the kept instances, and how many are left out
    """
    found = sorted((item for reading in readings for item in reading.instances), key=_sort_key)
    kept = {item.instance_id for item in found[:MAX_INSTANCES]}
    limited = tuple(
        replace(reading, instances=tuple(item for item in reading.instances if item.instance_id in kept))
        for reading in readings
    )
    return limited, len(found) - len(kept)


def find_new(instances: Iterable[ForeignInstance], notified: Iterable[str]) -> tuple[ForeignInstance, ...]:
    """Return the instances that the admins have not been notified of. Another gpudesk notifies of its own."""
    known = frozenset(notified)
    return tuple(item for item in instances if item.instance_id not in known and item.other_stage is None)


def forget_gone(notified: Iterable[str], instances: Iterable[ForeignInstance]) -> tuple[str, ...]:
    """Return the notified ids that are still listed, so that the list does not grow for ever."""
    listed = {item.instance_id for item in instances}
    return tuple(sorted(listed.intersection(notified)))


def describe_new(new: Sequence[ForeignInstance], catalog: InstanceTypeCatalog) -> str:
    """Return the message about instances that the admins have not been notified of."""
    named = [_describe(item, catalog) for item in new[:MAX_NAMED]]
    more = f"; and {len(new) - MAX_NAMED} more" if len(new) > MAX_NAMED else ""
    return (
        f"The AWS account has {pluralize(len(new), 'GPU instance')} that gpudesk does not manage and has not reported "
        f"before: {'; '.join(named)}{more}. {_describe_sum(new, catalog)} gpudesk changes nothing on instances that it "
        "does not manage. An admin can list all of them and have gpudesk adopt one."
    )


def _describe(instance: ForeignInstance, catalog: InstanceTypeCatalog) -> str:
    price = compute_daily_price(instance, catalog)
    label = f" ({instance.name})" if instance.name else ""
    managed = f", managed by {instance.manager}" if instance.manager else ""
    since = f"since {format_date_time(instance.launched_at)}" if instance.is_running else "with its disks"
    cost = "price unknown" if price.instance is None else f"{format_usd(price.instance + (price.disks or 0))} per day"
    return (
        f"{instance.instance_id}{label}, {instance.instance_type} in {instance.region}, {instance.state} {since}, "
        f"{cost}{managed}"
    )


def _describe_sum(instances: Sequence[ForeignInstance], catalog: InstanceTypeCatalog) -> str:
    prices = [compute_daily_price(item, catalog) for item in instances]
    known = sum(((price.instance or Decimal(0)) + (price.disks or Decimal(0)) for price in prices), Decimal(0))
    unknown = any(price.instance is None or price.disks is None for price in prices)
    return f"The sum is {'at least ' if unknown else ''}{format_usd(known)} per day."


def _sort_key(instance: ForeignInstance) -> tuple[bool, str, str]:
    return (not instance.is_running, instance.region, instance.instance_id)

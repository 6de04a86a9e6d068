"""The quotas of a region as of now: the last reading counts foreign instances, the records count gpudesk's own.

So launches and ends of instances since the reading count, and a launch need not wait for the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.instances.quota_use import uses_quota
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.headroom import Headroom
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.quotas import QuotaReading

Types = Mapping[str, InstanceType]


@dataclass(frozen=True, kw_only=True)
class CurrentQuotas:
    """The quotas of one region and their use as of now. They decide whether a launch, a start or a move fits.

    The figures of GET /offers are those of the reading alone: `find_headroom_in_reading`.

    :param reading: limits and foreign use, as they were last read; None: they have not been read
    :param records: active records; those of other regions do not count
    :param types: the catalog
    """

    region: str
    reading: QuotaReading | None
    records: Sequence[Instance]
    types: Types
    now: datetime

    def without(self, instance: Instance) -> CurrentQuotas:
        """Return the quotas as if an instance used nothing."""
        return replace(self, records=[record for record in self.records if record.id != instance.id])

    def find_headroom(self, type_name: str, market: Market) -> Headroom:
        """Return what the quota of a launch leaves. It is unknown if the reading is stale or lacks something."""
        code, need, reading = find_quota_code(type_name, market), self.find_vcpus(type_name), self.reading
        if code is None or reading is None:
            return Headroom(code=code, need=need)
        return reading.compare(code, self.find_use(code), need, self.now)

    def find_vcpus(self, type_name: str) -> int | None:
        """Return the vCPUs of a type; None: they are unknown."""
        return self.types[type_name].vcpus if type_name in self.types else None

    def find_use(self, code: str) -> int | None:
        """Return the vCPUs of a quota that are in use; None: the foreign use is unknown, or a type is."""
        foreign = self.reading.foreign_use.get(code) if self.reading else None
        managed = self.count_managed_use(code)
        return None if foreign is None or managed is None else foreign + managed

    def count_managed_use(self, code: str) -> int | None:
        """Return the vCPUs of a quota that gpudesk's instances use or are about to use; None: a type is unknown."""
        total = 0
        for record in filter(uses_quota, self.list_records(code)):
            vcpus = self.find_vcpus(record.spec.hardware.instance_type)
            if vcpus is None:
                return None
            total += vcpus
        return total

    def list_records(self, code: str) -> Iterator[Instance]:
        """Yield the records of instances in the region that count towards a quota while they run."""
        for record in self.records:
            spec = record.spec
            if spec.region == self.region and find_quota_code(spec.hardware.instance_type, spec.market) == code:
                yield record


def count_current_use(
    offerings: Mapping[str, RegionOfferings], records: Sequence[Instance], types: Types, now: datetime
) -> Mapping[str, RegionOfferings]:
    """Return what was read of regions, with the use of their quotas as of now, for the choice among the offers.

    :param records: all active records but that of the launch and those that come after it
    """
    return {region: _count_use_in_region(each, records, types, now) for region, each in offerings.items()}


def _count_use_in_region(
    offerings: RegionOfferings, records: Sequence[Instance], types: Types, now: datetime
) -> RegionOfferings:
    reading = offerings.quotas
    if reading is None:
        return offerings
    quotas = CurrentQuotas(region=offerings.region, reading=reading, records=records, types=types, now=now)
    use = {code: quotas.find_use(code) for code in reading.foreign_use}
    return replace(offerings, quotas=replace(reading, use={**reading.use, **use}))

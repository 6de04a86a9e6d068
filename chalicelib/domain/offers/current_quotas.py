"""The quotas of a region as of now: the last reading counts foreign instances, the records count gpudesk's own.

So launches and ends of instances since the reading count, and a launch need not wait for the next one. Launches that
wait for a quota get what is free in the order of their requests; one that does not fit keeps no later one from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.instances.ec2_instance import QUOTA_STATES
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance, Phase
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind, find_headroom
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
        if code is None or reading is None or reading.is_stale(self.now):
            return Headroom(code=code, need=need)
        quota = reading.find_quota(code)
        if quota is None or reading.foreign_use.get(code) is None:
            return Headroom(code=code, limit=quota.limit if quota else None, need=need)
        return find_headroom(quota, self.find_use(code), need)

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
        for record in filter(_uses_quota, self.list_records(code)):
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

    :param records: all active records but that of the launch
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


@dataclass(frozen=True)
class WaitingHeadroom:
    """The headroom of a launch that may wait for its quota.

    :param reserved: vCPUs of what is free that launches get which have waited longer
    """

    headroom: Headroom
    reserved: int = 0

    @property
    def fits(self) -> bool | None:
        """Return whether the launch fits; None: unknown."""
        free, need = self.headroom.free, self.headroom.need
        if self.headroom.kind is HeadroomKind.UNKNOWN or free is None or need is None:
            return None
        return need <= free - self.reserved


def find_waiting_headroom(instance: Instance, quotas: CurrentQuotas) -> WaitingHeadroom:
    """Return what the quota leaves for a launch that may wait for it, after those that were requested before."""
    others, spec = quotas.without(instance), instance.spec
    headroom = others.find_headroom(spec.hardware.instance_type, spec.market)
    if headroom.code is None or headroom.free is None:
        return WaitingHeadroom(headroom)
    reserved = 0
    for record in sorted(filter(may_wait_for_quota, others.list_records(headroom.code)), key=_get_order):
        if _get_order(record) > _get_order(instance):
            break
        need = others.find_vcpus(record.spec.hardware.instance_type)
        if need is not None and need <= headroom.free - reserved:
            reserved += need
    return WaitingHeadroom(headroom, reserved)


def may_wait_for_quota(record: Instance) -> bool:
    """Return whether a record is of a launch that waits for its quota, or that gpudesk has not decided on yet."""
    wait, choice = record.launch.quota_wait, record.spec.launch_choice
    if wait is None and choice is not None and choice.has_other_quotas:
        return False
    is_unlaunched = record.phase in LAUNCHING_PHASES and record.ec2_instance is None and record.launch.attempt is None
    return record.spec.wait_for_quota and is_unlaunched and (wait is None or not wait.is_over)


def _get_order(record: Instance) -> tuple[datetime, str]:
    return record.created_at, record.id


def _uses_quota(record: Instance) -> bool:
    """Return whether a record has an instance that EC2 counts, or is about to have one.

    A launch or a start that waits for capacity can wait for days, and EC2 counts neither.
    """
    if record.ec2_instance is None:
        is_waiting = may_wait_for_quota(record) or _waits_for_capacity(record.launch)
        return record.phase in LAUNCHING_PHASES and not is_waiting
    is_starting = record.phase is Phase.BOOTING and record.start.refused_since is None
    return record.ec2_instance.state in QUOTA_STATES or is_starting


def _waits_for_capacity(launch: LaunchState) -> bool:
    """Return whether a launch pauses after a pass over all of its offers."""
    return launch.attempt is None and launch.pass_number > 1 and launch.retry_at is not None

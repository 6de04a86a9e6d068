"""What a quota leaves for a launch now: the last reading counts foreign instances, the records count gpudesk's own.

So launches and ends of instances since the reading count, and a launch need not wait for the next one. Launches that
wait for a quota get what is free in the order of their requests; one that does not fit keeps no later one from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.instances.ec2_instance import QUOTA_STATES
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance, Phase
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind, find_headroom
from chalicelib.domain.offers.quotas import QuotaReading

Types = Mapping[str, InstanceType]


@dataclass(frozen=True)
class LaunchHeadroom:
    """What a quota leaves for one launch.

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


def find_launch_headroom(
    spec: Spec, reading: QuotaReading | None, records: Iterable[Instance], types: Types, now: datetime
) -> Headroom:
    """Return what the quota of a launch leaves. It is unknown if the reading is stale or lacks something.

    :param reading: None: the quotas of the region have not been read
    :param records: all active records; those of other regions do not count
    """
    item = types.get(spec.hardware.instance_type)
    code, need = find_quota_code(spec.hardware.instance_type, spec.market), item.vcpus if item else None
    if code is None or reading is None or reading.is_stale(now):
        return Headroom(code=code, need=need)
    quota = reading.find_quota(code)
    if quota is None or reading.foreign_use.get(code) is None:
        return Headroom(code=code, limit=quota.limit if quota else None, need=need)
    in_region = (each for each in records if each.spec.region == spec.region)
    return find_headroom(quota, find_current_use(reading, code, in_region, types), need)


def find_current_use(reading: QuotaReading, code: str, records: Iterable[Instance], types: Types) -> int | None:
    """Return the vCPUs of a quota that are in use now: foreign ones as they were read, and gpudesk's own.

    :param records: the active records of the region
    :returns: None: the foreign use is unknown, or a type is
    """
    foreign, managed = reading.foreign_use.get(code), count_managed_use(records, code, types)
    return None if foreign is None or managed is None else foreign + managed


def count_managed_use(records: Iterable[Instance], code: str, types: Types) -> int | None:
    """Return the vCPUs of a quota that gpudesk's instances use or are about to use; None: a type is unknown."""
    total = 0
    for record in records:
        name = record.spec.hardware.instance_type
        if not _uses_quota(record) or find_quota_code(name, record.spec.market) != code:
            continue
        vcpus = types[name].vcpus if name in types else None
        if vcpus is None:
            return None
        total += vcpus
    return total


def find_waiting_headroom(
    instance: Instance, reading: QuotaReading | None, records: Iterable[Instance], types: Types, now: datetime
) -> LaunchHeadroom:
    """Return what the quota leaves for a launch that may wait for it, after those that were requested before."""
    listed = [record for record in records if record.id != instance.id]
    headroom = find_launch_headroom(instance.spec, reading, listed, types, now)
    if headroom.free is None:
        return LaunchHeadroom(headroom)
    reserved = 0
    for record in sorted(filter(may_wait_for_quota, listed), key=_get_order):
        if _get_order(record) > _get_order(instance):
            break
        earlier = find_launch_headroom(record.spec, reading, (), types, now)
        is_same = record.spec.region == instance.spec.region and earlier.code == headroom.code
        if is_same and earlier.need is not None and earlier.need <= headroom.free - reserved:
            reserved += earlier.need
    return LaunchHeadroom(headroom, reserved)


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

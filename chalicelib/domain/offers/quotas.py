"""Define the quotas of a region and their use as of one reading, and count the use.

AWS counts the vCPUs of pending and running instances, whoever launched them, and on the spot market also those of open
requests, which are not counted here.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html#ec2-on-demand-instances-limits
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import NAMES, find_quota_code
from chalicelib.domain.common.deadlines import QUOTAS_VALID_FOR
from chalicelib.domain.offers.headroom import Headroom, Quota, find_headroom


@dataclass(frozen=True)
class RunningInstance:
    """An instance that is pending or running, whoever launched it.

    :param is_managed: it has the tag of this gpudesk
    """

    instance_type: str
    market: Market
    is_managed: bool = False


@dataclass(frozen=True, kw_only=True)
class QuotaReading:
    """The quotas of one region and their use, as of one reading.

    :param read_at: when both were read
    :param limits: vCPUs by code; a code without a value is missing
    :param use: vCPUs by code; None: an instance has a type whose vCPUs are unknown
    :param foreign_use: the part of `use` of instances without the tag of this gpudesk; a missing code is unknown
    """

    read_at: datetime
    limits: Mapping[str, int]
    use: Mapping[str, int | None]
    foreign_use: Mapping[str, int | None] = field(default_factory=dict)

    def is_stale(self, now: datetime) -> bool:
        """Return whether the last refresh could not read the quotas."""
        return now - self.read_at > QUOTAS_VALID_FOR

    def find_quota(self, code: str) -> Quota | None:
        """Return a quota; None: Service Quotas has no value for it."""
        return Quota(code, self.limits[code]) if code in self.limits else None

    def compare(self, code: str, use: int | None, need: int | None, now: datetime) -> Headroom:
        """Return what a quota leaves for a launch. It is unknown if the reading is stale or lacks the limit.

        :param use: vCPUs; None: unknown, as in `need`
        """
        if self.is_stale(now):
            return Headroom(code=code, need=need)
        quota = self.find_quota(code)
        return find_headroom(quota, use, need) if quota else Headroom(code=code, use=use, need=need)


def find_headroom_in_reading(
    reading: QuotaReading | None, item: InstanceType, market: Market, now: datetime
) -> Headroom:
    """Return what a quota leaves for a launch by the figures of a reading. It is unknown if the reading is stale.

    They are up to an hour old, unless `count_current_use` has brought them up to date. `CurrentQuotas.find_headroom`
    answers as of now.

    :param reading: None: the quotas of the region have not been read
    """
    code = find_quota_code(item.name, market)
    if code is None or reading is None:
        return Headroom(code=code, need=item.vcpus)
    return reading.compare(code, reading.use.get(code), item.vcpus, now)


def count_use(instances: Iterable[RunningInstance], types: Mapping[str, InstanceType]) -> Mapping[str, int | None]:
    """Return the vCPUs in use, by code; None: an instance of the quota has a type whose vCPUs are unknown.

    :param types: the catalog
    """
    use: dict[str, int | None] = dict.fromkeys(NAMES, 0)
    for instance in instances:
        item = types.get(instance.instance_type)
        code = find_quota_code(instance.instance_type, instance.market)
        if code is not None:
            before, vcpus = use[code], item.vcpus if item else None
            use[code] = None if before is None or vcpus is None else before + vcpus
    return use


def count_foreign_use(
    instances: Iterable[RunningInstance], types: Mapping[str, InstanceType]
) -> Mapping[str, int | None]:
    """Return the vCPUs in use by instances that this gpudesk does not manage, as `count_use` does."""
    return count_use((instance for instance in instances if not instance.is_managed), types)

"""Divide what quotas leave among the launches that wait for them.

They get what is free in the order of their requests; one that does not fit keeps no later one from it. A launch whose
offers use several quotas gets the first one that it can use, in the order of its offers, and leaves the others to those
that wait behind it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.instances.lifecycle.quota_retries import can_try
from chalicelib.domain.instances.quota_use import get_request_order
from chalicelib.domain.instances.quota_wait import build_quota_key
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.headroom import Headroom, HeadroomKind

MIN_VAIN_TRIES = 2
"""Tries after which a launch that EC2 refuses for a quota keeps nothing from later ones. The wait of a launch whose
quota was known to be exceeded begins without a refusal, so that its first try says nothing yet."""


class QuotaOption(NamedTuple):
    """A type in a region on a market that a launch may become. It stands for all offers that use the same quota."""

    region: str
    instance_type: str
    market: Market

    @property
    def key(self) -> str:
        """The key of the quota that it uses."""
        return build_quota_key(self.region, find_quota_code(self.instance_type, self.market))


@dataclass(frozen=True)
class WaitingLaunch:
    """A launch that may wait for a quota.

    :param options: one for each quota that its offers use, the preferred one first
    """

    instance: Instance
    options: Sequence[QuotaOption]


@dataclass(frozen=True)
class WaitingHeadroom:
    """The headroom of one option of a launch that may wait for a quota.

    :param reserved: vCPUs of what is free that launches get which have waited longer
    """

    option: QuotaOption
    headroom: Headroom
    reserved: int = 0

    @property
    def fits(self) -> bool | None:
        """Return whether the launch fits; None: unknown."""
        free, need = self.headroom.free, self.headroom.need
        if self.headroom.kind is HeadroomKind.UNKNOWN or free is None or need is None:
            return None
        return need <= free - self.reserved


def divide_headroom(
    launches: Iterable[WaitingLaunch], quotas: Mapping[str, CurrentQuotas]
) -> Mapping[str, tuple[WaitingHeadroom, ...]]:
    """Return what the quotas leave for each launch, one headroom for each of its options, by the id of the launch.

    :param launches: all that may wait
    :param quotas: those of the regions of all options, by region
    """
    reserved: Counter[str] = Counter()
    headrooms: dict[QuotaOption, Headroom] = {}
    divided = {}
    for launch in sorted(launches, key=lambda each: get_request_order(each.instance)):
        found = []
        for option in launch.options:
            if option not in headrooms:
                headrooms[option] = quotas[option.region].find_headroom(option.instance_type, option.market)
            found.append(WaitingHeadroom(option, headrooms[option], reserved[option.key]))
        divided[launch.instance.id] = tuple(found)
        share = _choose_share(launch.instance, found, quotas)
        if share:
            reserved[share.option.key] += share.headroom.need or 0
    return divided


def _choose_share(
    instance: Instance, found: Sequence[WaitingHeadroom], quotas: Mapping[str, CurrentQuotas]
) -> WaitingHeadroom | None:
    """Return what the launch is about to use; None: nothing.

    If EC2 has refused all that seems to fit, the launch keeps its place there until the quota is read again. If EC2 has
    refused it after such a reading, too, EC2 counts more than the reading shows, and others may fit.
    """
    fitting = [each for each in found if each.fits]

    def is_usable(each: WaitingHeadroom) -> bool:
        region = quotas[each.option.region]
        read_at = region.reading.read_at if region.reading else None
        return can_try(instance.launch, each.option.key, fits=True, read_at=read_at, now=region.now)

    wait = instance.launch.quota_wait
    keeps_place = bool(fitting) and (wait is None or wait.try_count < MIN_VAIN_TRIES)
    return next(filter(is_usable, fitting), fitting[0] if keeps_place else None)

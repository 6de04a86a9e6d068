"""Read what decisions about waiting launches need to know of quotas: from DynamoDB only, and only if a launch waits."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.control.current_quotas import read_current_quotas
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.quota_use import may_wait_for_quota
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.next_offer import OfferChooser
from chalicelib.domain.launch.quota_options import list_quota_options, list_quota_regions
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.observed_quota import RegionQuotas, describe_refused_start, observe_quotas
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.quota_request import RegionQuotaRequests
from chalicelib.domain.offers.waiting_headroom import WaitingLaunch, divide_headroom
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.dynamo import is_overload
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)

QuotasByLaunch = Mapping[str, tuple[ObservedQuota, ...]]


@dataclass(frozen=True, kw_only=True)
class QuotaSource:
    """Reads the quotas of regions for decisions. AWS is not called.

    :param regions: the regions in which gpudesk is set up
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    regions: tuple[str, ...]
    clock: Clock

    def observe(self, records: Sequence[Instance] | None = None) -> QuotasByLaunch:
        """Return what is known of the quotas of each launch that may wait for one, by its id.

        :param records: the active records of all regions; None: they are read, too
        """
        if records is None:
            records = list(self.stores.instances.list_readable())
        waiting = [record for record in records if may_wait_for_quota(record)]
        if not waiting:
            return {}
        regions = dict.fromkeys(region for each in waiting for region in list_quota_regions(each, self.regions))
        offerings, requests = self.stores.quota_requests.get_many_with_offerings(regions)
        chooser = self._build_chooser(offerings)
        quotas = {
            region: RegionQuotas(
                self._build_quotas(region, offerings, records), requests.get(region, RegionQuotaRequests())
            )
            for region in regions
        }
        launches = [WaitingLaunch(each, list_quota_options(each, chooser)) for each in waiting]
        divided = divide_headroom(launches, {region: each.current for region, each in quotas.items()})
        return {each.id: observe_quotas(each, divided[each.id], quotas) for each in waiting}

    def describe_refused_start(self, instance: Instance) -> str:
        """Return what is known of the quota for which EC2 refused a start, as sentences; empty: DynamoDB is overloaded.

        The refusal that they belong to must be recorded in any case.
        """
        region, now = instance.spec.region, self.clock.now()
        try:
            offerings, requests = self.stores.quota_requests.get_many_with_offerings([region])
            current = read_current_quotas(self.stores, region, offerings.get(region), self.catalog.types, now)
        except Exception as error:
            if not is_overload(error):
                raise
            LOG.warning("The quota of %s is not described: DynamoDB is overloaded", instance.name)
            return ""
        quotas = RegionQuotas(current, requests.get(region, RegionQuotaRequests()))
        return describe_refused_start(instance, quotas)

    def _build_quotas(
        self, region: str, offerings: Mapping[str, RegionOfferings], records: Iterable[Instance]
    ) -> CurrentQuotas:
        return CurrentQuotas(
            region=region,
            reading=offerings[region].quotas if region in offerings else None,
            records=[record for record in records if record.spec.region == region],
            types=self.catalog.types,
            now=self.clock.now(),
        )

    def _build_chooser(self, offerings: Mapping[str, RegionOfferings]) -> OfferChooser:
        """Return what lists the offers of launches: those of the regions in which they may use a quota."""
        context = OfferContext(
            catalog=self.catalog,
            limits=self.stores.desk.get_settings().limits,
            deployed_regions=tuple(dict.fromkeys((*self.regions, *offerings))),
            offerings=offerings,
            origin=None,
            now=self.clock.now(),
        )
        return OfferChooser(context, self.recipes)

"""Check a launch against what was last read of zones and of the quotas of EC2. The unknown never refuses a launch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chalicelib.control.current_quotas import read_current_quotas
from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import build_validation_error
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.lifecycle.market_fallback import find_fallback_market
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.launch.next_offer import OfferChooser
from chalicelib.domain.launch.offered_types import StoredOffers, find_unoffered, list_launch_types
from chalicelib.domain.launch.quota_excess import QuotaExcess, choose_cpu_type
from chalicelib.domain.launch.type_choice import list_allowed_regions, list_usable_regions
from chalicelib.domain.offers.current_quotas import CurrentQuotas, count_current_use
from chalicelib.domain.offers.headroom import HeadroomKind
from chalicelib.domain.offers.offer import Offer
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class LaunchQuotaCheck:
    """The check of a launch.

    It reads one item of DynamoDB and, if it has fresh quotas, the active instances. The offers of all regions are read
    only for a launch that exceeds its quota, or whose first region does not offer it.

    :param regions: the regions in which gpudesk is set up
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    regions: tuple[str, ...]
    clock: Clock

    def find_excess(self, spec: Spec, limits: Limits) -> QuotaExcess | None:
        """Return the quota that the first offer of a launch exceeds; None: it fits, or that is unknown.

        A launch that can fall back to on-demand is only refused if it exceeds the quota of on-demand, too. Otherwise
        the excess on spot has another offer, so that people are warned of it.

        :raises ValidationFailed: no zone offers what the launch requests
        """
        stored = self._read_offers([spec.region])
        self._require_offered(spec, limits, stored)
        offerings, other_market = stored.offerings.get(spec.region), find_fallback_market(spec)
        quotas = read_current_quotas(self.stores, spec.region, offerings, self.catalog.types, self.clock.now())
        excess = self._find_excess(spec, limits, quotas)
        if excess is None or other_market is None:
            return excess
        refused = self._find_excess(replace(spec, market=other_market), limits, quotas)
        return refused or (excess if excess.other_offer else None)

    def _require_offered(self, spec: Spec, limits: Limits, first: StoredOffers) -> None:
        """Check that a zone may offer what a launch requests.

        :param first: the offers of the region of its first offer
        :raises ValidationFailed: none does
        """
        if first.may_offer(spec.region, list_launch_types(spec, self.catalog)):
            return
        regions = list_usable_regions(list_allowed_regions(limits, self.catalog), self.regions)
        error = find_unoffered(spec, regions, self._read_offers(self.regions))
        if error:
            raise build_validation_error([error])

    def _read_offers(self, regions: Sequence[str]) -> StoredOffers:
        offerings = self.stores.offers.get_many(regions)
        return StoredOffers(catalog=self.catalog, offerings=offerings, now=self.clock.now())

    def _find_excess(self, spec: Spec, limits: Limits, quotas: CurrentQuotas) -> QuotaExcess | None:
        headroom = quotas.find_headroom(spec.hardware.instance_type, spec.market)
        if headroom.kind is not HeadroomKind.EXCEEDED:
            return None

        def has_room(item: InstanceType) -> bool:
            return quotas.find_headroom(item.name, spec.market).kind is not HeadroomKind.EXCEEDED

        cpu_type = choose_cpu_type(spec, self.recipes[spec.software.recipe], self.catalog, has_room)
        return QuotaExcess(spec, headroom, cpu_type, self._find_other_offer(spec, limits, quotas))

    def _find_other_offer(self, spec: Spec, limits: Limits, quotas: CurrentQuotas) -> Offer | None:
        """Return the cheapest offer in another region, or with another quota, that the launch may try.

        :param quotas: with the records of all regions
        """
        types, now = self.catalog.types, self.clock.now()
        context = OfferContext(
            catalog=self.catalog,
            limits=limits,
            deployed_regions=self.regions,
            offerings=count_current_use(self.stores.offers.get_many(self.regions), quotas.records, types, now),
            origin=None,
            now=now,
        )
        taken = (spec.region, find_quota_code(spec.hardware.instance_type, spec.market))
        offers = OfferChooser(context, self.recipes).list_offers(spec)
        others = (each for each in offers if (each.region, find_quota_code(each.instance_type, each.market)) != taken)
        return next(others, None)

"""Choose the next offer of a launch and a subnet in its zone. DynamoDB has the offers, EC2 the subnets."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.aws.launch_prerequisites import Subnet
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity, PrerequisiteMissing
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.launch_tries import LaunchOffer, OfferKey
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.next_offer import OfferChooser, find_choice
from chalicelib.domain.offers.offer import Offer, Price, PriceSource
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.places import PLACES
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.offers.search import OfferContext
from chalicelib.domain.setup.recipe import Recipe

LOG = logging.getLogger(__name__)

NO_OFFER_LEFT = "NoOfferLeft"


class SubnetSource(Protocol):
    """What `aws/launch_prerequisites.py` reads about subnets."""

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer the type."""
        ...


class OfferSource(Protocol):
    """What `store/offers.py` reads for a launch."""

    def get_many_with_capacity(
        self, regions: Iterable[str], *, is_consistent: bool = False
    ) -> tuple[Mapping[str, RegionOfferings], Mapping[str, RegionCapacity]]:
        """Return what was read of regions, and their records of capacity."""
        ...


class SettingsSource(Protocol):
    """What `store/desk.py` reads for a launch."""

    def get_settings(self) -> DeskSettings:
        """Return the settings of the desk."""
        ...


@dataclass(frozen=True)
class ChosenOffer:
    """An offer to try, with a subnet.

    :param next_offer: what is tried after it if nothing else changes
    """

    offer: LaunchOffer
    subnet: Subnet
    next_offer: LaunchOffer | None


@dataclass(frozen=True, kw_only=True)
class OfferSelector:
    """Selects offers for launches. It changes nothing.

    :param regions: the regions in which gpudesk is set up
    :param home_region: distances are measured from there
    """

    offers: OfferSource
    desk: SettingsSource
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    regions: tuple[str, ...]
    home_region: str
    clock: Clock

    def select(self, instance: Instance, subnets: SubnetSource, excluded: Collection[OfferKey]) -> ChosenOffer:
        """Return the offer to try next.

        :param excluded: offers that are not tried: those of this pass, and those that EC2 has just refused
        :raises InsufficientCapacity: no offer is left in this pass
        :raises PrerequisiteMissing: the launch has tried nothing yet, and gpudesk has no subnet for any offer
        :raises AwsError: EC2 did not respond
        """
        choice = find_choice(instance.spec)
        chooser = OfferChooser(self._read_context(choice), self.recipes)
        found = _SubnetFinder(subnets, choice.region)
        stored = chooser.list_offers(instance.spec)
        is_read = choice.region in chooser.context.offerings
        offers = stored if is_read else (*stored, *self._list_unread_offers(choice, stored, chooser.context, found))
        chosen = self._find_first(chooser, chooser.order(instance, offers, excluded), found)
        if chosen is None and is_read:
            # A reading may be wrong or an hour old, so EC2 itself is asked before a launch gives up.
            rest = self._list_unread_offers(choice, stored, chooser.context, found)
            chosen = self._find_first(chooser, chooser.order(instance, rest, excluded), found)
        if chosen:
            return chosen
        if found.problem and instance.launch.attempt_count == 0 and not excluded:
            raise found.problem
        raise InsufficientCapacity(NO_OFFER_LEFT, f"No offer for {instance.name} has capacity now")

    def _read_context(self, choice: LaunchChoice) -> OfferContext:
        """Return what the choice depends on. Only the regions that the launch may use are read."""
        regions = (choice.region,) if choice.is_region_fixed else (*self.regions, choice.region)
        offerings, capacity = self.offers.get_many_with_capacity(tuple(dict.fromkeys(regions)), is_consistent=True)
        return OfferContext(
            catalog=self.catalog,
            limits=self.desk.get_settings().limits,
            deployed_regions=tuple(dict.fromkeys((*self.regions, choice.region))),
            offerings=offerings,
            capacity=capacity,
            origin=PLACES.get(self.home_region),
            now=self.clock.now(),
        )

    def _list_unread_offers(
        self, choice: LaunchChoice, stored: Iterable[Offer], context: OfferContext, found: "_SubnetFinder"
    ) -> list[Offer]:
        """Return the offers of the first type and region in zones with a subnet that are not among the stored ones."""
        capacity = context.capacity.get(choice.region, RegionCapacity())
        known = {(offer.zone, offer.market) for offer in stored if offer.instance_type == choice.instance_type}
        zones = {subnet.zone for subnet in found.list_subnets(choice.region, choice.instance_type)}
        prices = {market: self._find_list_price(choice, market, context) for market in choice.markets}
        return [
            Offer(
                instance_type=choice.instance_type,
                region=choice.region,
                zone=zone,
                market=market,
                price=price,
                record=capacity.find_record(choice.instance_type, zone, market),
            )
            for zone in sorted(zones)
            for market, price in prices.items()
            if (zone, market) not in known and _is_affordable(choice, price)
        ]

    def _find_list_price(self, choice: LaunchChoice, market: Market, context: OfferContext) -> Price | None:
        amount = self.catalog.get_price(choice.instance_type, choice.region)
        if amount is None or market is not Market.ON_DEMAND:
            return None
        return Price(usd_per_hour=amount, source=PriceSource.CATALOG, read_at=context.now)

    def _find_first(
        self, chooser: OfferChooser, ordered: tuple[Offer, ...], found: "_SubnetFinder"
    ) -> ChosenOffer | None:
        """Return the first offer in a zone with a subnet; None: there is none."""
        now = chooser.context.now
        for position, offer in enumerate(ordered):
            subnet = found.find_subnet(offer)
            if subnet:
                rest = ordered[position + 1 :]
                return ChosenOffer(
                    _to_launch_offer(offer, is_avoided=offer.record.is_avoided(now)),
                    subnet,
                    _to_launch_offer(rest[0], is_avoided=rest[0].record.is_avoided(now)) if rest else None,
                )
        return None


@dataclass
class _SubnetFinder:
    """The subnets that one choice has read.

    :ivar first_region: that of the first offer; any other region is left out if it does not respond
    :ivar problem: why gpudesk has no subnet for an offer
    """

    source: SubnetSource
    first_region: str
    problem: PrerequisiteMissing | None = None
    _known: dict[tuple[str, str], list[Subnet]] = field(default_factory=dict)

    def find_subnet(self, offer: Offer) -> Subnet | None:
        """Return a subnet in the zone of an offer; None: there is none."""
        subnets = self.list_subnets(offer.region, offer.instance_type)
        return next((subnet for subnet in subnets if subnet.zone == offer.zone), None)

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer a type; none if something is missing in the region.

        :raises AwsError: EC2 did not respond in the first region
        """
        if (region, type_name) not in self._known:
            self._known[region, type_name] = self._read(region, type_name)
        return self._known[region, type_name]

    def _read(self, region: str, type_name: str) -> list[Subnet]:
        try:
            subnets = self.source.list_subnets(region, type_name)
        except PrerequisiteMissing as problem:
            LOG.warning("no launch in %s: %s", region, problem)
            self.problem = self.problem or problem
            return []
        except AwsError as error:
            if region == self.first_region:
                raise
            LOG.warning("no launch in %s now: %s", region, error)
            return []
        if not subnets:
            message = f"gpudesk has no subnet in a zone of {region} that offers {type_name}"
            self.problem = self.problem or PrerequisiteMissing(message)
        return subnets


def _is_affordable(choice: LaunchChoice, price: Price | None) -> bool:
    """Return whether a price is at most that of the choice. An unknown one is, as long as there is no maximum."""
    return choice.max_price is None or (price is not None and price.usd_per_hour <= choice.max_price)


def _to_launch_offer(offer: Offer, *, is_avoided: bool) -> LaunchOffer:
    return LaunchOffer(
        instance_type=offer.instance_type,
        region=offer.region,
        zone=offer.zone,
        market=offer.market,
        price=offer.price.usd_per_hour if offer.price else None,
        was_avoided=is_avoided,
    )

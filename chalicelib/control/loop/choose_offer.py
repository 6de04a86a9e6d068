"""Choose the next offer of a launch and a subnet in its zone. DynamoDB has the offers, EC2 the subnets."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from chalicelib.aws.launch_prerequisites import Subnet
from chalicelib.control.loop.launch_sources import OfferSource, RecordSource, SettingsSource, SubnetSource
from chalicelib.control.loop.subnet_finder import SubnetFinder
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.launch_tries import LaunchOffer, OfferKey, OffersAboveMaximum
from chalicelib.domain.instances.outcome import NoOfferLeft
from chalicelib.domain.instances.quota_use import is_requested_after
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.next_offer import OfferChooser, find_choice, is_affordable
from chalicelib.domain.offers.current_quotas import count_current_use
from chalicelib.domain.offers.offer import Offer, Price, PriceSource
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.places import PLACES
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.setup.recipe import Recipe


@dataclass(frozen=True)
class ChosenOffer:
    """An offer to try, with a subnet.

    :param next_offer: what is tried after it if nothing else changes
    :param is_new_round: the launch has tried each offer once, and begins again with this one
    :param above_maximum: the offers that are not tried for their price; None: there are none
    """

    offer: LaunchOffer
    subnet: Subnet
    next_offer: LaunchOffer | None
    is_new_round: bool = False
    above_maximum: OffersAboveMaximum | None = None


@dataclass(frozen=True, kw_only=True)
class OfferSelector:
    """Selects offers for launches. It changes nothing.

    :param regions: the regions in which gpudesk is set up
    :param home_region: distances are measured from there
    """

    offers: OfferSource
    instances: RecordSource
    desk: SettingsSource
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    regions: tuple[str, ...]
    home_region: str
    clock: Clock

    def select(self, instance: Instance, subnets: SubnetSource, excluded: Collection[OfferKey]) -> ChosenOffer:
        """Return the offer to try next.

        :param excluded: offers that are not tried: those of this pass, and those that EC2 has just refused
        :raises NoOfferLeft: no offer is left in this pass
        :raises PrerequisiteMissing: the launch has tried nothing yet, and gpudesk has no subnet for any offer
        :raises AwsError: EC2 did not respond
        """
        choice = find_choice(instance.spec)
        chooser = OfferChooser(self._read_context(instance, choice), self.recipes)
        finder = SubnetFinder(subnets, choice.region)
        found = chooser.search(instance.spec)
        stored, above_maximum = found.offers, _summarize(found.above_maximum, instance)
        is_read = choice.region in chooser.context.offerings
        offers = stored if is_read else (*stored, *self._list_unread_offers(choice, stored, chooser.context, finder))
        chosen = self._find_first(chooser, instance, chooser.order(instance, offers, excluded), finder)
        if chosen is None and is_read:
            # A reading may be wrong or an hour old, so EC2 itself is asked before a launch gives up.
            rest = self._list_unread_offers(choice, stored, chooser.context, finder)
            chosen = self._find_first(chooser, instance, chooser.order(instance, rest, excluded), finder)
        if chosen:
            return replace(chosen, above_maximum=above_maximum)
        if finder.problem and instance.launch.attempt_count == 0 and not excluded:
            raise finder.problem
        raise NoOfferLeft(instance.name, above_maximum)

    def _read_context(self, instance: Instance, choice: LaunchChoice) -> OfferContext:
        """Return what the choice depends on. Only the regions that the launch may use are read.

        The use of quotas is as of now, as in the check of the request, without launches that were requested later. A
        launch with one offer needs none: EC2 decides.
        """
        types, now = self.catalog.types, self.clock.now()
        regions = (choice.region,) if choice.is_region_fixed else (*self.regions, choice.region)
        offerings, capacity = self.offers.get_many_with_capacity(tuple(dict.fromkeys(regions)), is_consistent=True)
        if choice.has_other_offers:
            active = self.instances.list_readable()
            others = [each for each in active if each.id != instance.id and not is_requested_after(each, instance)]
            offerings = count_current_use(offerings, others, types, now)
        return OfferContext(
            catalog=self.catalog,
            limits=self.desk.get_settings().limits,
            deployed_regions=tuple(dict.fromkeys((*self.regions, choice.region))),
            offerings=offerings,
            capacity=capacity,
            origin=PLACES.get(self.home_region),
            now=now,
        )

    def _list_unread_offers(
        self, choice: LaunchChoice, stored: Iterable[Offer], context: OfferContext, finder: SubnetFinder
    ) -> list[Offer]:
        """Return the offers of the first type and region in zones with a subnet that are not among the stored ones."""
        capacity = context.capacity.get(choice.region, RegionCapacity())
        known = {(offer.zone, offer.market) for offer in stored if offer.instance_type == choice.instance_type}
        zones = {subnet.zone for subnet in finder.list_subnets(choice.region, choice.instance_type)}
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
            if (zone, market) not in known and is_affordable(choice, price)
        ]

    def _find_list_price(self, choice: LaunchChoice, market: Market, context: OfferContext) -> Price | None:
        amount = self.catalog.get_price(choice.instance_type, choice.region)
        if amount is None or market is not Market.ON_DEMAND:
            return None
        return Price(usd_per_hour=amount, source=PriceSource.CATALOG, read_at=context.now)

    def _find_first(
        self, chooser: OfferChooser, instance: Instance, ordered: tuple[Offer, ...], finder: SubnetFinder
    ) -> ChosenOffer | None:
        """Return the first offer in a zone with a subnet; None: there is none."""
        now = chooser.context.now
        for position, offer in enumerate(ordered):
            subnet = finder.find_subnet(offer)
            if subnet:
                rest = ordered[position + 1 :]
                return ChosenOffer(
                    _to_launch_offer(offer, is_avoided=offer.record.is_avoided(now)),
                    subnet,
                    _to_launch_offer(rest[0], is_avoided=rest[0].record.is_avoided(now)) if rest else None,
                    chooser.is_new_round(instance, offer, rest),
                )
        return None


def _summarize(offers: Iterable[Offer], instance: Instance) -> OffersAboveMaximum | None:
    """Return what a record keeps of the offers above its maximum price; None: there are none."""
    left_out, move = instance.launch.left_out_regions, instance.move
    priced = [
        (offer.price.usd_per_hour, offer)
        for offer in offers
        if offer.price and offer.region not in left_out and (move is None or move.allows_zone(offer.zone))
    ]
    if not priced:
        return None
    _, cheapest = min(priced, key=lambda each: each[0])
    return OffersAboveMaximum(len(priced), _to_launch_offer(cheapest, is_avoided=False))


def _to_launch_offer(offer: Offer, *, is_avoided: bool) -> LaunchOffer:
    return LaunchOffer(
        instance_type=offer.instance_type,
        region=offer.region,
        zone=offer.zone,
        market=offer.market,
        price=offer.price.usd_per_hour if offer.price else None,
        was_avoided=is_avoided,
    )

"""Choose the offers that a launch tries next. Nothing here calls AWS.

A launch never leaves what its request names, and never the architecture of its first type: the documents of its recipes
are chosen for it. With an image it never leaves the region and the driver of the image.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from chalicelib.domain.catalog.families import get_family_name
from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.launch_tries import MAX_TRIES, LaunchTry, OfferKey, TryResult
from chalicelib.domain.instances.lifecycle.quota_retries import VCPU_CODES
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.launch.fallback_tries import reserve_fallback_tries
from chalicelib.domain.offers.capacity_answers import NO_CAPACITY_CODE
from chalicelib.domain.offers.offer import Offer, Price
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.query import OfferQuery
from chalicelib.domain.offers.search import find_offers
from chalicelib.domain.offers.try_order import MAX_AVOIDED_TRIES, order_tries
from chalicelib.domain.offers.zone_hints import find_zones
from chalicelib.domain.setup.recipe import Recipe


@dataclass(frozen=True)
class FoundOffers:
    """Stored offers for a launch, in no order.

    :param offers: those that it may try
    :param above_maximum: those that cost more than its maximum price, or whose price is unknown
    """

    offers: tuple[Offer, ...]
    above_maximum: tuple[Offer, ...]


@dataclass(frozen=True)
class OfferChooser:
    """The offers, the catalog and the recipes from which launches choose."""

    context: OfferContext
    recipes: Mapping[str, Recipe]

    def list_offers(self, spec: Spec) -> tuple[Offer, ...]:
        """Return the stored offers that a launch may try, in no order, also those that it has tried."""
        return self.search(spec).offers

    def search(self, spec: Spec) -> FoundOffers:
        """Return the stored offers that a launch may try, and those that cost too much for it."""
        choice = find_choice(spec)
        recipe = self.recipes.get(spec.software.recipe)
        is_type_fixed = choice.is_type_fixed or recipe is None
        query = OfferQuery(
            gpus=None if is_type_fixed else choice.gpus,
            gpu_count=None if is_type_fixed else choice.gpu_count,
            instance_type=choice.instance_type if is_type_fixed else None,
            region=choice.region if choice.is_region_fixed else None,
            market=choice.markets[0] if len(choice.markets) == 1 else None,
            recipe=recipe,
        )
        found = (ranked.offer for ranked in find_offers(query, self.context).offers)
        offers = [offer for offer in found if self._is_compatible(offer, spec)]
        return FoundOffers(
            offers=tuple(offer for offer in offers if is_affordable(choice, offer.price)),
            above_maximum=tuple(offer for offer in offers if not is_affordable(choice, offer.price)),
        )

    def order(self, instance: Instance, offers: Iterable[Offer], excluded: Collection[OfferKey]) -> tuple[Offer, ...]:
        """Return what is left of the offers in this pass, the one to try next at the beginning.

        The zones that EC2's last refusal named come first, then the type and the region of the request. A pass that
        has too few tries for all begins with offers that no earlier pass has tried, and keeps room for on-demand.

        :param excluded: offers that are not tried, such as those of this pass
        """
        launch, choice, now, move = instance.launch, find_choice(instance.spec), self.context.now, instance.move
        tries = launch.tries_of_pass
        left = [
            offer
            for offer in offers
            if get_key(offer) not in excluded
            and offer.region not in launch.left_out_regions
            and (move is None or move.allows_zone(offer.zone))
            and not any(_is_over_quota(offer, each) for each in tries)
        ]
        hints = find_hinted_offers(tries)
        hinted = sorted(
            (offer for offer in left if get_key(offer) in hints), key=lambda offer: hints.index(get_key(offer))
        )
        rest = [offer for offer in left if get_key(offer) not in hints]
        has_room = sum(not offer.record.is_avoided(now) for offer in rest) <= MAX_TRIES - len(tries) - len(hinted)

        def get_group(offer: Offer) -> tuple[bool, bool]:
            is_repeated = not has_room and get_key(offer).text in launch.tried_before
            return is_repeated, not choice.is_first(offer.instance_type, offer.region, offer.market)

        others = order_tries(
            rest,
            now,
            max_avoided=MAX_AVOIDED_TRIES - sum(each.offer.was_avoided for each in tries),
            get_group=get_group,
        )
        return reserve_fallback_tries((*hinted, *others), choice.markets, tries, now)

    def is_new_round(self, instance: Instance, chosen: Offer, rest: Iterable[Offer]) -> bool:
        """Return whether a launch has tried each offer once, and begins again with the best one.

        :param rest: the offers of `order` after the chosen one
        """
        tried = instance.launch.tried_before
        return get_key(chosen).text in tried and all(
            get_key(offer).text in tried or offer.record.is_avoided(self.context.now) for offer in rest
        )

    def _is_compatible(self, offer: Offer, spec: Spec) -> bool:
        """Return whether documents and image of the launch suit a type: those of the first type are not changed."""
        types, choice = self.context.catalog.types, find_choice(spec)
        item, first = types[offer.instance_type], types.get(choice.instance_type)
        if first is None or item.name == first.name:
            return True
        if item.arch != first.arch:
            return False
        return all(self._supports(recipe, item, first, spec) for recipe in self._list_recipes(spec))

    def _list_recipes(self, spec: Spec) -> Iterator[Recipe]:
        return (self.recipes[name] for name in spec.software.recipes if name in self.recipes)

    def _supports(self, recipe: Recipe, item: InstanceType, first: InstanceType, spec: Spec) -> bool:
        base = spec.software.image_parameter or recipe.get_image_parameter(item)
        if spec.software.image and recipe.get_image_parameter(item) != recipe.get_image_parameter(first):
            return False
        return recipe.requirements.find_incompatibility(item, base) is None


def find_choice(spec: Spec) -> LaunchChoice:
    """Return the choice of a launch. A record without one keeps type, region and market."""
    return spec.launch_choice or LaunchChoice(
        instance_type=spec.hardware.instance_type, region=spec.region, markets=(spec.market,)
    )


def is_affordable(choice: LaunchChoice, price: Price | None) -> bool:
    """Return whether a price is at most that of the choice. An unknown one is, as long as there is no maximum."""
    return choice.max_price is None or (price is not None and price.usd_per_hour <= choice.max_price)


def get_key(offer: Offer) -> OfferKey:
    """Return the key of an offer."""
    return OfferKey(offer.instance_type, offer.zone, offer.market)


def _is_over_quota(offer: Offer, earlier: LaunchTry) -> bool:
    """Return whether a quota that EC2 has named in this pass does not allow an offer."""
    if earlier.result is not TryResult.QUOTA_EXCEEDED or earlier.offer.region != offer.region:
        return False
    if earlier.code not in VCPU_CODES:
        return True
    return _get_quota(earlier.offer.key) == _get_quota(get_key(offer))


def _get_quota(key: OfferKey) -> tuple[Market, str]:
    """Return the market of an offer and the code of its quota, or the family of its type if that is unknown."""
    return key.market, find_quota_code(key.instance_type, key.market) or get_family_name(key.instance_type)


def find_hinted_offers(tries: Iterable[LaunchTry]) -> list[OfferKey]:
    """Return the offers that EC2's last refusal names, of the same type and market. That promises nothing."""
    refusals = [each for each in tries if each.result is TryResult.NO_CAPACITY and each.code == NO_CAPACITY_CODE]
    if not refusals:
        return []
    offer = refusals[-1].offer
    return [offer.key._replace(zone=zone) for zone in find_zones(refusals[-1].message, offer.region)]

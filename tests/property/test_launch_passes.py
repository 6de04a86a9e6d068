"""Passes of a launch that EC2 always refuses: each offer is reached, on-demand in each pass, recent refusals last."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from string import ascii_lowercase

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import MAX_REMEMBERED_OFFERS, MAX_TRIES, LaunchTry, OfferKey, TryResult
from chalicelib.domain.instances.lifecycle.launch_pass import end_pass, is_pass_complete, try_next_offer
from chalicelib.domain.instances.lifecycle.launching import record_resolved_launch
from chalicelib.domain.instances.outcome import LaunchResolved
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.next_offer import OfferChooser, get_key
from chalicelib.domain.offers.capacity_answers import NO_CAPACITY_CODE
from chalicelib.domain.offers.capacity_record import Result, add_result, replay
from chalicelib.domain.offers.offer import Offer
from tests.support.ready_instance import MINUTE, build_launch_attempt
from tests.support.recipes import build_recipes
from tests.unit.launch.failover_examples import build_launch, build_offering, build_region
from tests.unit.offers.offer_examples import NOW, build_context

RECIPES = build_recipes()
BOTH = (Market.SPOT, Market.ON_DEMAND)
PASS_INTERVAL = 10 * MINUTE
"""Longer than gpudesk avoids an offer after a refusal or two."""

ALL_ZONES = ascii_lowercase[:16]
HINT = "Choose us-east-1a, us-east-1b."
zones = st.integers(1, len(ALL_ZONES)).map(lambda count: ALL_ZONES[:count])


class RefusedLaunch:
    """A launch that EC2 refuses each time.

    :param hint: what EC2 says
    """

    def __init__(self, markets: Sequence[Market], letters: str, *, hint: str = "None is left.") -> None:
        """Offer two types in zones of one region."""
        offering = build_offering("us-east-1", letters, "0.6", "0.2")
        self.context = build_context(build_region("us-east-1", letters, g4dn_2xlarge=offering))
        self.instance = build_launch(markets=tuple(markets), is_region_fixed=True)
        self.offers = list(OfferChooser(self.context, RECIPES).list_offers(self.instance.spec))
        self.hint = hint

    def run_pass(self, now: datetime) -> list[Offer]:
        """Return the offers of a pass as they were when they were chosen."""
        tried = []
        while not is_pass_complete(self.instance):
            chooser = OfferChooser(replace(self.context, now=now), RECIPES)
            excluded = [each.offer.key for each in self.instance.launch.tries_of_pass]
            ordered = chooser.order(self.instance, self.offers, excluded)
            if not ordered:
                break
            chosen, *rest = ordered
            is_new_round = chooser.is_new_round(self.instance, chosen, rest)
            self.instance = self._refuse(chosen, now, is_new_round=is_new_round)
            tried.append(chosen)
        self.instance = end_pass(self.instance, now).instance
        return tried

    def _refuse(self, offer: Offer, now: datetime, *, is_new_round: bool) -> Instance:
        price = offer.price.usd_per_hour if offer.price else None
        attempt = replace(
            build_launch_attempt(self.instance.launch.attempt_count + 1, offer.zone),
            instance_type=offer.instance_type,
            market=offer.market,
            price=price,
            was_avoided=offer.record.is_avoided(now),
        )
        hardware, rates = self.instance.spec.hardware, Rates(instance=price)
        outcome = LaunchResolved(attempt, hardware, rates, is_new_round=is_new_round)
        resolved = record_resolved_launch(self.instance, outcome, now)
        record = add_result(offer.record, Result.REFUSED, now)
        self.offers[self.offers.index(offer)] = replace(offer, record=record)
        answer = LaunchTry(
            offer=attempt.offer, result=TryResult.NO_CAPACITY, at=now, code=NO_CAPACITY_CODE, message=self.hint
        )
        return try_next_offer(resolved.instance, answer, resolved.reason, now).instance


def list_keys(passes: Sequence[Sequence[Offer]]) -> list[OfferKey]:
    return [get_key(offer) for tried in passes for offer in tried]


@settings(max_examples=8)
@example(ALL_ZONES, "None is left.")
@example(ALL_ZONES, HINT)
@given(zones, st.sampled_from(["None is left.", HINT]))
def test_each_offer_is_tried_before_one_is_tried_again_unless_ec2_names_it(letters: str, hint: str) -> None:
    launch = RefusedLaunch([Market.SPOT], letters, hint=hint)
    passes = [launch.run_pass(NOW + number * PASS_INTERVAL) for number in range(4)]
    every = {get_key(offer) for offer in launch.offers}
    assert set(list_keys(passes[:2])) == set(list_keys(passes[2:])) == every
    if hint != HINT:
        assert len(set(list_keys(passes)[: len(every)])) == len(every)
    assert all(len(set(list_keys([tried]))) == len(tried) <= MAX_TRIES for tried in passes)
    assert launch.instance.launch.attempt_count == len(list_keys(passes))


@settings(max_examples=8)
@example(ALL_ZONES)
@given(zones)
def test_pass_keeps_room_for_on_demand_and_half_of_its_tries_for_spot(letters: str) -> None:
    launch = RefusedLaunch(BOTH, letters)
    markets = [[each.market for each in launch.run_pass(NOW + number * PASS_INTERVAL)] for number in range(2)]
    least = min(MAX_TRIES // 2, 2 * len(letters))
    assert all(tried.count(market) >= least for tried in markets for market in BOTH)
    assert markets[0] == sorted(markets[0], key=BOTH.index), "spot comes first"


@settings(max_examples=8)
@example(ALL_ZONES, Market.ON_DEMAND)
@given(zones, st.sampled_from(Market))
def test_recently_refused_offer_is_never_tried_while_another_is_left(letters: str, refused: Market) -> None:
    launch = RefusedLaunch(BOTH, letters)
    record = replay([(Result.REFUSED, NOW)])
    launch.offers = [replace(each, record=record) if each.market is refused else each for each in launch.offers]
    avoided = [offer.record.is_avoided(NOW + MINUTE) for offer in launch.run_pass(NOW + MINUTE)]
    assert avoided == sorted(avoided)
    assert not any(avoided) or all(offer.record.is_avoided(NOW + MINUTE) for offer in launch.offers)


@given(st.integers(0, 400))
def test_what_a_launch_remembers_of_its_passes_is_limited(count: int) -> None:
    keys = tuple(f"g4dn.xlarge/us-east-1{number}/spot" for number in range(count))
    instance = replace(build_launch(), launch=LaunchState(tried_before=keys))
    remembered = end_pass(instance, NOW).instance.launch.tried_before
    assert remembered == keys[-MAX_REMEMBERED_OFFERS:]

"""Describe the tries of a launch: the table of `status.launch` as text, for messages and notifications."""

from collections.abc import Iterator
from decimal import Decimal

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.money import format_exact_usd, format_usd
from chalicelib.domain.common.text import format_date_time, join_and, pluralize
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import MAX_TRIES, LaunchOffer, LaunchTry, TryResult
from chalicelib.domain.instances.record import Instance

RESULT_TEXTS = {
    TryResult.LAUNCHED: "launched",
    TryResult.NO_CAPACITY: "no capacity",
    TryResult.ENDED: "accepted, then ended",
    TryResult.SKIPPED: "not tried, because it was refused to another launch in the same minute",
    TryResult.QUOTA_EXCEEDED: "quota exceeded",
    TryResult.REGION_UNAVAILABLE: "the region accepts no launches of this account",
    TryResult.REFUSED: "refused",
}


def describe_tries(instance: Instance) -> str:
    """Return the tries as a sentence after a space; an empty text if there are none."""
    tries = instance.launch.tries
    if not tries:
        return ""
    return f" Tried {pluralize(len(tries), 'offer')}: {'; '.join(_list_rows(instance, tries))}."


def describe_offer(instance: Instance, offer: LaunchOffer) -> str:
    """Return an offer with its price against the first one, as a phrase."""
    return f"{_describe_type(offer)} in {offer.zone}{_describe_price(instance, offer)}"


def find_price_ratio(instance: Instance, offer: LaunchOffer) -> Decimal | None:
    """Return the price of an offer divided by that of the first one; None if one of them is unknown."""
    choice = instance.spec.launch_choice
    if choice is None or not choice.first_price or offer.price is None:
        return None
    return offer.price / choice.first_price


def describe_wait(instance: Instance) -> str:
    """Return what a launch waits for and until when, as a phrase after "capacity"."""
    choice = instance.spec.launch_choice
    until = f", until {format_date_time(choice.wait_until)}" if choice and choice.wait_until else ""
    return f"{describe_choice(instance)}{until}"


def describe_choice(instance: Instance) -> str:
    """Return what a launch may launch, as a phrase after "capacity"."""
    choice, spec = instance.spec.launch_choice, instance.spec
    moves_to = describe_move_zones(instance)
    if choice is None:
        return f"for {spec.hardware.instance_type} in {moves_to or spec.region}"
    what = choice.instance_type if choice.is_type_fixed else f"{choice.gpu_count} x {' or '.join(choice.gpus)}"
    where = (moves_to or choice.region) if choice.is_region_fixed else "a region in which gpudesk is set up"
    price = f" for at most {format_exact_usd(choice.max_price)} per hour" if choice.max_price else ""
    return f"for {what} in {where}{price}"


def describe_move_zones(instance: Instance) -> str:
    """Return the zones that the launch of a move tries, as a phrase; an empty text for all zones of a region."""
    move = instance.move
    if move is None or not instance.is_launching_for_move:
        return ""
    is_same_region = move.target.region == move.source_region
    others = f"the zones of {move.target.region} besides {move.source_zone}" if is_same_region else ""
    return move.target.zone or others


def describe_next_pass(instance: Instance, at: str) -> str:
    """Return what a launch tries in its next pass, as a sentence.

    :param at: the time of the next pass
    """
    choice, tries = instance.spec.launch_choice, instance.launch.tries_of_pass
    if len(tries) >= MAX_TRIES:
        return f"gpudesk has tried {len(tries)} offers and goes on at {at}, first with those that it has not tried."
    if choice and not (choice.is_region_fixed and choice.is_type_fixed):
        return f"gpudesk tries all offers again at {at}."
    # Those of earlier passes, too: a zone that was left out in this pass, because it had just refused, is tried again.
    zones = sorted({each.offer.zone for each in instance.launch.tries})
    return f"gpudesk tries {join_and(zones)} again at {at}." if zones else f"gpudesk tries again at {at}."


def describe_above_maximum(instance: Instance) -> str:
    """Return which offers a launch does not try for their price, as a sentence after a space; empty: none."""
    left_out = instance.launch.above_maximum
    if left_out is None:
        return ""
    cheapest = _describe_priced(left_out.cheapest)
    if left_out.count == 1:
        return f" 1 more offer is not tried, because it costs more: {cheapest}."
    return f" {left_out.count} more offers are not tried, because they cost more. The cheapest one is {cheapest}."


def describe_price_advice(instance: Instance) -> str:
    """Return which `max_price` allows another offer, as a phrase after "Launch it"; empty: none does."""
    left_out = instance.launch.above_maximum
    if left_out is None or left_out.cheapest.price is None:
        return ""
    offer = f"{_describe_type(left_out.cheapest)} in {left_out.cheapest.zone}"
    return f"with a `max_price` of at least {format_exact_usd(left_out.cheapest.price)}, for {offer}"


def is_first_offer(instance: Instance, offer: LaunchOffer) -> bool:
    """Return whether an offer has the type, the region and the market that the launch tries first."""
    choice = instance.spec.launch_choice
    return choice is None or choice.is_first(offer.instance_type, offer.region, offer.market)


def find_next_offer(launch: LaunchState) -> LaunchOffer | None:
    """Return the offer that is being tried, or that is probably tried next; None: nothing is left in this pass."""
    return launch.attempt.offer if launch.attempt else launch.next_offer


def _list_rows(instance: Instance, tries: tuple[LaunchTry, ...]) -> Iterator[str]:
    for each in tries:
        yield f"{describe_offer(instance, each.offer)}: {RESULT_TEXTS[each.result]}"


def _describe_type(offer: LaunchOffer) -> str:
    return offer.instance_type if offer.market is Market.ON_DEMAND else f"{offer.instance_type} ({offer.market})"


def _describe_priced(offer: LaunchOffer) -> str:
    price = f", {format_exact_usd(offer.price)} per hour" if offer.price is not None else ""
    return f"{_describe_type(offer)} in {offer.zone}{price}"


def _describe_price(instance: Instance, offer: LaunchOffer) -> str:
    if offer.price is None:
        return ""
    ratio = find_price_ratio(instance, offer)
    percent = round((ratio - 1) * 100) if ratio is not None else 0
    return f", {format_usd(offer.price)} per hour{f' ({percent:+} %)' if percent else ''}"

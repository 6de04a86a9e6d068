"""Views of a launch: the offers that it has tried, what is next, and what it waits for."""

from decimal import Decimal

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import OfferMarketText, TryResultText
from chalicelib.api.common_views import format_decimal, format_optional_timestamp
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.instances.commands.change import is_waiting_for_quota
from chalicelib.domain.instances.launch_tries import LaunchOffer, LaunchTry
from chalicelib.domain.instances.lifecycle.launch_table import (
    RESULT_TEXTS,
    describe_wait,
    find_next_offer,
    find_price_ratio,
)
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance

RATIO_QUANTUM = Decimal("0.001")


class LaunchOfferView(TypedDict):
    """An instance type in a zone. `price_ratio`: its price divided by that of the first offer."""

    instance_type: str
    region: str
    zone: str
    market: OfferMarketText
    price_per_hour: str | None
    price_ratio: str | None


class LaunchTryView(LaunchOfferView):
    """An offer that the launch has tried. `message`: what AWS said."""

    result: TryResultText
    message: str
    at: str


class LaunchView(TypedDict):
    """The launch: the offers that it has tried, and what is next.

    `tries`: the last try of each offer, at most 20, in the order of their times. `next`: the offer that is being tried,
    or that is probably tried next; null if nothing is left in this pass, or if the launch is over.
    `waits_for`: the capacity or the quota that it waits for; null if it does not wait. `max_price`: no offer costs more
    per hour; null: not set. On spot without `max_price` in the request it is set with the first offer, to 1.25 times
    its price. `next_try_at`: null while gpudesk is paused.
    """

    tries: list[LaunchTryView]
    next: LaunchOfferView | None
    waits_for: str | None
    max_price: str | None
    wait_until: str | None
    next_try_at: str | None


def to_launch_view(instance: Instance) -> LaunchView | None:
    """Return the view of a launch; None if gpudesk did not launch the instance, or did before it recorded tries."""
    launch, choice = instance.launch, instance.spec.launch_choice
    if choice is None and not launch.tries:
        return None
    is_launching = instance.phase in LAUNCHING_PHASES
    upcoming = find_next_offer(launch) if is_launching else None
    is_waiting = is_launching and upcoming is None and bool(launch.tries)
    is_paused = instance.reason.code == EventCode.DESK_PAUSED
    maximum = choice.max_price if choice else None
    return {
        "tries": [_to_try_view(instance, each) for each in launch.tries],
        "next": _to_offer_view(instance, upcoming) if upcoming else None,
        "waits_for": _describe_cause_of_wait(instance, waits_for_capacity=is_waiting),
        "max_price": format_decimal(maximum.normalize()) if maximum is not None else None,
        "wait_until": format_optional_timestamp(choice.wait_until if choice else None),
        "next_try_at": format_optional_timestamp(launch.retry_at if is_waiting and not is_paused else None),
    }


def _describe_cause_of_wait(instance: Instance, *, waits_for_capacity: bool) -> str | None:
    if is_waiting_for_quota(instance):
        choice, spec = instance.spec.launch_choice, instance.spec
        if choice and choice.has_other_quotas:
            return f"a larger quota for {choice.instance_type} in {choice.region}, or for another of its offers"
        return f"a larger quota for {spec.hardware.instance_type} in {spec.region}"
    return f"capacity {describe_wait(instance)}" if waits_for_capacity else None


def _to_offer_view(instance: Instance, offer: LaunchOffer) -> LaunchOfferView:
    ratio = find_price_ratio(instance, offer)
    return {
        "instance_type": offer.instance_type,
        "region": offer.region,
        "zone": offer.zone,
        "market": str(offer.market),
        "price_per_hour": format_decimal(offer.price) if offer.price is not None else None,
        "price_ratio": format_decimal(ratio.quantize(RATIO_QUANTUM)) if ratio is not None else None,
    }


def _to_try_view(instance: Instance, tried: LaunchTry) -> LaunchTryView:
    return {
        **_to_offer_view(instance, tried.offer),
        "result": str(tried.result),
        "message": tried.message or f"{RESULT_TEXTS[tried.result].capitalize()}.",
        "at": format_timestamp(tried.at),
    }

"""Find the other market of a launch for `spot-or-on-demand`, and say when the launch uses it."""

from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.instances.outcome import LaunchResolved
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec


def find_fallback_market(spec: Spec) -> Market | None:
    """Return the market to launch in if the present one has nothing; None: the request allows no other."""
    can_fall_back = spec.market is Market.SPOT and spec.spot.can_fall_back
    return Market.ON_DEMAND if can_fall_back else None


def describe_tries_on_spot(instance: Instance) -> str:
    """Return why a launch falls back to on-demand in this pass, as a sentence."""
    count = sum(each.offer.market is Market.SPOT for each in instance.launch.tries_of_pass)
    if count:
        return f"gpudesk tried {pluralize(count, 'offer')} on spot before, without success."
    return (
        "No offer on spot was left: EC2 has refused them within the last minutes, or their quota has no room, or they "
        "cost more than max_price."
    )


def list_market_entries(instance: Instance, outcome: LaunchResolved, now: datetime) -> Iterator[TimelineEntry]:
    """Yield an entry if the next attempt of a launch on spot is the first one on-demand.

    Each pass keeps room for on-demand, so a launch that waits changes its market again and again.
    """
    attempt = outcome.attempt
    has_been_tried = any(key.endswith(f"/{attempt.market}") for key in instance.launch.offers_in_timeline)
    is_fallback = find_fallback_market(instance.spec) is not None and attempt.market is Market.ON_DEMAND
    if not is_fallback or has_been_tried:
        return
    price = outcome.rates.instance
    cost = "" if price is None else f" It costs {format_usd(price)} per hour while it runs."
    message = f"{instance.name} is launched on-demand. {describe_tries_on_spot(instance)}{cost}"
    yield timeline_entry(now, EventReason(code=EventCode.MARKET_CHANGED, message=message))

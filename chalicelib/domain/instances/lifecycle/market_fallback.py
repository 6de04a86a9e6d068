"""Find the other market of a launch for `spot-or-on-demand`, and say when the launch uses it."""

from collections.abc import Iterator
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.instances.outcome import LaunchResolved
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec


def find_fallback_market(spec: Spec) -> Market | None:
    """Return the market to launch in if the present one has nothing; None: the request allows no other."""
    can_fall_back = spec.market is Market.SPOT and spec.spot.can_fall_back
    return Market.ON_DEMAND if can_fall_back else None


def list_market_entries(instance: Instance, outcome: LaunchResolved, now: datetime) -> Iterator[TimelineEntry]:
    """Yield an entry if the next attempt of a launch on spot is on-demand."""
    attempt = outcome.attempt
    if find_fallback_market(instance.spec) is None or attempt.market is not Market.ON_DEMAND:
        return
    price = outcome.rates.instance
    cost = "" if price is None else f" It costs {format_usd(price)} per hour while it runs."
    message = (
        f"{instance.name} is launched on-demand: no offer on spot has capacity, room in its quota, and a price within "
        f"max_price now.{cost}"
    )
    yield timeline_entry(now, EventReason(code=EventCode.MARKET_CHANGED, message=message))

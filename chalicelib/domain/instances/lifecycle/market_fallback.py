"""Change the market of a launch that spot cannot serve. Only requests for `spot-or-on-demand` change it."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity, QuotaExceeded
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.instances.lifecycle.plans import record_event
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.instances.spot_rates import to_on_demand_rates


def find_fallback_market(spec: Spec) -> Market | None:
    """Return the market to launch in if the present one has nothing; None: the request allows no other."""
    can_fall_back = spec.market is Market.SPOT and spec.spot.can_fall_back
    return Market.ON_DEMAND if can_fall_back else None


def fall_back(instance: Instance, error: AwsError, now: datetime) -> Plan | None:
    """Launch in the other market at once, in all zones again.

    Lack of capacity and an exceeded quota are those of one market: on-demand has other ones.

    :param error: why no zone is left, or why EC2 rejected the launch
    :returns: None: the request allows no other market, or the other market has the same error
    """
    market = find_fallback_market(instance.spec)
    if market is None or not isinstance(error, InsufficientCapacity | QuotaExceeded):
        return None
    cause = (
        f"No zone of {instance.spec.region} has spot capacity for it now."
        if isinstance(error, InsufficientCapacity)
        else f"The quota of the AWS account for spot is exceeded. {error.description}"
    )
    rates = to_on_demand_rates(instance.billing.rates)
    price = "" if rates.instance is None else f" It costs {format_usd(rates.instance)} per hour while it runs."
    message = f"{instance.name} is launched on-demand. {cause}{price}"
    reason = EventReason(code=EventCode.MARKET_CHANGED, message=message)
    launch = replace(
        instance.launch,
        attempt=None,
        zones_without_capacity=(),
        zones_in_timeline=(),
        retry_at=None,
        last_error=None,
        not_found_since=None,
    )
    changed = replace(
        instance,
        reason=reason,
        spec=replace(instance.spec, market=market),
        launch=launch,
        billing=replace(instance.billing, rates=rates),
    )
    return replace(record_event(changed, reason, now, market=str(market)), requeue=True)

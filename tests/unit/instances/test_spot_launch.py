"""A launch on spot: its rates, the fallback to on-demand, and errors that only spot has."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.lifecycle.booting import to_ready
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifecycle.market_fallback import find_fallback_market
from chalicelib.domain.instances.lifecycle.outcomes import record_outcome
from chalicelib.domain.instances.outcome import LaunchResolved
from chalicelib.domain.instances.plan import Launch, Plan, ResolveLaunch
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spot import SpotTerms
from chalicelib.domain.instances.spot_rates import to_spot_rates
from tests.support.ready_instance import START, build_launch_attempt
from tests.unit.instances.simulation import build_context, build_requested_instance
from tests.unit.instances.spot_examples import build_spot_instance, observe

RATES = Rates(instance=Decimal("0.526"), disk=Decimal("0.01"))
SPOT_ATTEMPT = replace(build_launch_attempt(), market=Market.SPOT)


def build_launching(*, can_fall_back: bool = False) -> Instance:
    """Return a record that is launched on spot."""
    instance = build_requested_instance()
    return replace(
        instance,
        phase=Phase.LAUNCHING,
        spec=replace(instance.spec, market=Market.SPOT, spot=SpotTerms(can_fall_back=can_fall_back)),
        launch=LaunchState(attempt=SPOT_ATTEMPT),
    )


def resolve(instance: Instance, market: Market, *refused: str) -> Plan:
    """Return the plan after an attempt on a market was resolved."""
    before = replace(instance, launch=LaunchState(offers_in_timeline=refused))
    attempt = replace(SPOT_ATTEMPT, market=market)
    outcome = LaunchResolved(attempt, instance.spec.hardware, RATES)
    return record_outcome(before, ResolveLaunch(()), outcome, START)


@pytest.mark.parametrize(
    ("can_fall_back", "market", "is_notified"),
    [(True, Market.ON_DEMAND, True), (True, Market.SPOT, False), (False, Market.ON_DEMAND, False)],
)
def test_fallback_to_on_demand_is_notified(can_fall_back: bool, market: Market, is_notified: bool) -> None:
    plan = resolve(build_launching(can_fall_back=can_fall_back), market)
    assert (EventCode.MARKET_CHANGED in [entry.code for entry in plan.timeline]) is is_notified
    assert plan.instance.spec.market is market


def test_fallback_to_on_demand_is_notified_in_the_first_pass_only() -> None:
    refused = replace(SPOT_ATTEMPT, market=Market.ON_DEMAND).offer.key.text
    plan = resolve(build_launching(can_fall_back=True), Market.ON_DEMAND, refused)
    assert EventCode.MARKET_CHANGED not in [entry.code for entry in plan.timeline]


def test_only_spot_or_on_demand_has_another_market() -> None:
    assert find_fallback_market(build_launching(can_fall_back=True).spec) is Market.ON_DEMAND
    assert find_fallback_market(build_launching().spec) is None
    on_demand = replace(build_launching(can_fall_back=True).spec, market=Market.ON_DEMAND)
    assert find_fallback_market(on_demand) is None


def test_missing_service_linked_role_fails_the_launch_with_what_to_do() -> None:
    error = PermanentAwsError("AuthFailure.ServiceLinkedRoleCreationNotPermitted", "The provided credentials do not")
    plan = record_outcome(build_launching(can_fall_back=True), Launch(SPOT_ATTEMPT), error, START)
    assert plan.reason.code == EventCode.LAUNCH_REFUSED
    assert "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com" in plan.reason.message


@pytest.mark.parametrize(
    ("state", "price", "is_new"),
    [
        (Ec2State.RUNNING, Decimal("0.3"), True),
        (Ec2State.RUNNING, None, False),
        (Ec2State.STOPPED, Decimal("0.3"), False),
    ],
)
def test_running_spot_instance_is_billed_at_the_price_of_the_time(
    state: Ec2State, price: Decimal | None, is_new: bool
) -> None:
    known = to_spot_rates(RATES, Decimal("0.2"))
    instance = replace(build_spot_instance(), billing=Billing(rates=known))
    context = replace(build_context(), find_spot_price=lambda _region, _type, _zone: price)
    rates = decide(instance, observe(state), START, context).instance.billing.rates
    assert rates == (to_spot_rates(RATES, Decimal("0.3")) if is_new else known)


def test_reason_of_a_ready_instance_does_not_keep_a_price_that_changes() -> None:
    instance = replace(build_spot_instance(), billing=Billing(rates=to_spot_rates(RATES, Decimal("0.2"))))
    plan = to_ready(instance, "Recipe bare was set up.", START, Mode.ENFORCE)
    (entry,) = plan.timeline
    assert "It costs $0.210 per hour. The instance alone costs $0.200 on spot now" in entry.message
    assert "$" not in plan.instance.reason.message
    assert plan.instance.reason.message.startswith("n is ready. Recipe bare was set up. To connect")


@pytest.mark.parametrize(
    ("price", "expected"), [(Decimal("0.2"), Decimal("0.2")), (None, Decimal("0.526"))], ids=["known", "unknown"]
)
def test_spot_rates_name_the_price_on_demand(price: Decimal | None, expected: Decimal) -> None:
    rates = to_spot_rates(RATES, price)
    assert (rates.instance, rates.on_demand) == (expected, Decimal("0.526"))
    assert to_spot_rates(rates, price) == rates

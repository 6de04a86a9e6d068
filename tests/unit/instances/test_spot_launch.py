"""A launch on spot: its rates, the fallback to on-demand, and errors that only spot has."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifecycle.outcomes import record_outcome
from chalicelib.domain.instances.plan import Launch, LaunchResolved, Plan, ResolveLaunch
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spot import SpotTerms
from chalicelib.domain.instances.spot_rates import to_on_demand_rates, to_spot_rates
from tests.support.ready_instance import START, build_launch_attempt
from tests.unit.instances.simulation import build_context, build_requested_instance
from tests.unit.instances.spot_examples import build_spot_instance, observe

NO_ZONE = InsufficientCapacity("NoZoneLeft", "No zone is left")
QUOTA = QuotaExceeded("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
RATES = Rates(instance=Decimal("0.526"), disk=Decimal("0.01"))
SPOT_ATTEMPT = replace(build_launch_attempt(), market=Market.SPOT)


def build_launching(*, can_fall_back: bool, is_sent: bool = False) -> Instance:
    """Return a record that is launched on spot."""
    instance = build_requested_instance()
    return replace(
        instance,
        phase=Phase.LAUNCHING,
        spec=replace(instance.spec, market=Market.SPOT, spot=SpotTerms(can_fall_back=can_fall_back)),
        launch=replace(
            instance.launch, attempt=SPOT_ATTEMPT if is_sent else None, zones_without_capacity=("us-east-1a",)
        ),
        billing=replace(instance.billing, rates=to_spot_rates(RATES, Decimal("0.2"))),
    )


def record_error(instance: Instance, error: AwsError) -> Plan:
    step = Launch(SPOT_ATTEMPT) if instance.launch.attempt else ResolveLaunch(())
    return record_outcome(instance, step, error, START)


@pytest.mark.parametrize(("error", "is_sent"), [(NO_ZONE, False), (QUOTA, True)])
def test_launch_falls_back_to_on_demand_in_all_zones_at_its_price(error: AwsError, is_sent: bool) -> None:
    plan = record_error(build_launching(can_fall_back=True, is_sent=is_sent), error)
    assert (plan.reason.code, plan.requeue) == (EventCode.MARKET_CHANGED, True)
    after = plan.instance
    assert (after.spec.market, after.launch.zones_without_capacity, after.launch.attempt) == (
        Market.ON_DEMAND,
        (),
        None,
    )
    assert after.billing.rates == RATES
    again = record_error(after, NO_ZONE)
    assert again.reason.code == EventCode.NO_CAPACITY_YET


def test_zone_without_spot_capacity_is_followed_by_another_zone_on_spot() -> None:
    error = InsufficientCapacity("InsufficientInstanceCapacity", "There is no Spot capacity available")
    plan = record_error(build_launching(can_fall_back=True, is_sent=True), error)
    assert (plan.reason.code, plan.instance.spec.market) == (EventCode.ZONE_NO_CAPACITY, Market.SPOT)


def test_launch_that_requests_only_spot_does_not_fall_back() -> None:
    plan = record_error(build_launching(can_fall_back=False), NO_ZONE)
    assert (plan.reason.code, plan.instance.spec.market) == (EventCode.NO_CAPACITY_YET, Market.SPOT)


def test_missing_service_linked_role_fails_the_launch_with_what_to_do() -> None:
    error = PermanentAwsError("AuthFailure.ServiceLinkedRoleCreationNotPermitted", "The provided credentials do not")
    plan = record_error(build_launching(can_fall_back=True, is_sent=True), error)
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


@pytest.mark.parametrize(
    ("price", "expected"), [(Decimal("0.2"), Decimal("0.2")), (None, Decimal("0.526"))], ids=["known", "unknown"]
)
def test_launch_has_the_spot_price_of_its_zone(price: Decimal | None, expected: Decimal) -> None:
    instance = build_launching(can_fall_back=False)
    outcome = LaunchResolved(SPOT_ATTEMPT, Decimal(0), price)
    rates = record_outcome(instance, ResolveLaunch(()), outcome, START).instance.billing.rates
    assert (rates.instance, rates.on_demand) == (expected, Decimal("0.526"))
    assert to_on_demand_rates(rates).instance == Decimal("0.526")

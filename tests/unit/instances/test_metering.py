"""Metering: the billing state, the billed segments, and the sum."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.billed_segment import compute_segment_cost
from chalicelib.domain.instances.billing import Billing, BillingState, Meter, Rates
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, EndCause, StateReason
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.metering import advance_meter, compute_cost, get_billing_state, get_open_segment
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.warning import WarningType
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID, START
from tests.unit.instances.simulation import Simulation, build_instance, get_time

RATES = Rates(instance=Decimal("0.60"), disk=Decimal("0.06"), address=Decimal("0.006"))


def build_ec2_instance(state: Ec2State) -> Ec2Instance:
    return Ec2Instance(instance_id=INSTANCE_ID, zone="us-east-1a", state=state, launched_at=START)


def build_metered_instance(state: BillingState, since: float = 0, accrued: str = "0") -> Instance:
    """Return an instance whose meter has run since a minute."""
    meter = Meter(
        state=state, since=None if state is BillingState.NOTHING else get_time(since), accrued=Decimal(accrued)
    )
    ec2_state = Ec2State.STOPPED if state is BillingState.STOPPED else Ec2State.RUNNING
    return replace(
        build_instance(), ec2_instance=build_ec2_instance(ec2_state), billing=Billing(rates=RATES, meter=meter)
    )


@pytest.mark.parametrize(
    ("state", "billed"),
    [
        (None, BillingState.NOTHING),
        (Ec2State.PENDING, BillingState.RUNNING),
        (Ec2State.RUNNING, BillingState.RUNNING),
        (Ec2State.STOPPING, BillingState.RUNNING),
        (Ec2State.STOPPED, BillingState.STOPPED),
        (Ec2State.SHUTTING_DOWN, BillingState.RUNNING),
        (Ec2State.TERMINATED, BillingState.NOTHING),
    ],
)
def test_every_ec2_state_has_its_billing_state(state: Ec2State | None, billed: BillingState) -> None:
    assert get_billing_state(build_ec2_instance(state) if state else None) is billed


@pytest.mark.parametrize(
    ("state", "cost"),
    [(BillingState.RUNNING, "0.666"), (BillingState.STOPPED, "0.06"), (BillingState.NOTHING, "0")],
)
def test_hourly_cost_depends_on_the_billing_state(state: BillingState, cost: str) -> None:
    assert compute_cost(build_metered_instance(state), get_time(60)) == Decimal(cost)
    segment = get_open_segment(build_metered_instance(state), get_time(60))
    assert (compute_segment_cost(segment) if segment else Decimal(0)) == Decimal(cost)


def test_stop_closes_the_running_segment_and_then_bills_only_the_disk() -> None:
    before = build_metered_instance(BillingState.RUNNING)
    after, segments = advance_meter(
        before, replace(before, ec2_instance=build_ec2_instance(Ec2State.STOPPED)), get_time(60)
    )
    (segment,) = segments
    assert (segment.state, segment.since, segment.until) == (BillingState.RUNNING, get_time(0), get_time(60))
    assert after.billing.meter == Meter(state=BillingState.STOPPED, since=get_time(60), accrued=Decimal("0.666"))
    assert compute_cost(after, get_time(120)) == Decimal("0.726")


def test_termination_closes_the_last_segment_and_ends_billing() -> None:
    before = build_metered_instance(BillingState.STOPPED, accrued="1")
    after, segments = advance_meter(before, replace(before, ec2_instance=None), get_time(60))
    assert [segment.state for segment in segments] == [BillingState.STOPPED]
    assert compute_cost(after, get_time(600)) == Decimal("1.06")


def test_meter_continues_while_the_billing_state_stays() -> None:
    before = build_metered_instance(BillingState.RUNNING, since=5)
    after, segments = advance_meter(
        before, replace(before, ec2_instance=build_ec2_instance(Ec2State.STOPPING)), get_time(60)
    )
    assert (after.billing.meter, segments) == (before.billing.meter, ())


def test_pending_instance_is_billed_from_its_launch_only_if_it_runs() -> None:
    before = replace(build_metered_instance(BillingState.NOTHING), ec2_instance=None)
    pending, _ = advance_meter(before, replace(before, ec2_instance=build_ec2_instance(Ec2State.PENDING)), get_time(1))
    assert compute_cost(pending, get_time(2)) == 0
    ended, segments = advance_meter(pending, replace(pending, ec2_instance=None), get_time(2))
    assert (ended.billing.meter, segments) == (before.billing.meter, ())
    running, _ = advance_meter(
        pending, replace(pending, ec2_instance=build_ec2_instance(Ec2State.RUNNING)), get_time(3)
    )
    assert running.billing.meter.since == START


def test_change_of_the_rates_begins_another_segment() -> None:
    before = build_metered_instance(BillingState.RUNNING)
    dearer = replace(before.billing, rates=replace(RATES, instance=Decimal("1.20")))
    restarted = replace(build_ec2_instance(Ec2State.RUNNING), launched_at=get_time(30))
    after, segments = advance_meter(before, replace(before, billing=dearer, ec2_instance=restarted), get_time(40))
    assert [(segment.until, segment.rates) for segment in segments] == [(get_time(30), RATES)]
    assert compute_cost(after, get_time(90)) == Decimal("0.333") + Decimal("1.266")


@pytest.mark.parametrize("state", [Ec2State.SHUTTING_DOWN, Ec2State.STOPPING, Ec2State.RUNNING])
def test_stopped_time_is_never_billed_as_running(state: Ec2State) -> None:
    before = build_metered_instance(BillingState.STOPPED, since=10)
    after, segments = advance_meter(before, replace(before, ec2_instance=build_ec2_instance(state)), get_time(70))
    assert compute_cost(after, get_time(70)) == compute_cost(before, get_time(70)) == Decimal("0.06")
    assert {segment.state for segment in segments} <= {BillingState.STOPPED}


def test_termination_of_a_stopped_instance_that_was_just_adopted_bills_no_running_time() -> None:
    stopped = replace(build_metered_instance(BillingState.NOTHING), ec2_instance=build_ec2_instance(Ec2State.STOPPED))
    ending = replace(stopped, ec2_instance=build_ec2_instance(Ec2State.SHUTTING_DOWN))
    after, _ = advance_meter(stopped, ending, get_time(60))
    assert after.billing.meter == Meter(state=BillingState.STOPPED, since=get_time(60))


def test_start_that_was_first_seen_pending_is_billed_from_its_launch() -> None:
    before = build_metered_instance(BillingState.STOPPED)
    for minute, state in ((11, Ec2State.PENDING), (12, Ec2State.RUNNING)):
        shown = replace(build_ec2_instance(state), launched_at=get_time(10))
        before, _ = advance_meter(before, replace(before, ec2_instance=shown), get_time(minute))
    assert before.billing.meter.since == get_time(10)


def test_launch_that_ec2_ended_before_it_ran_is_not_billed() -> None:
    before = replace(build_metered_instance(BillingState.NOTHING), ec2_instance=build_ec2_instance(Ec2State.PENDING))
    reason = StateReason(code="Server.InsufficientInstanceCapacity", cause=EndCause.ZONE)
    shown = replace(build_ec2_instance(Ec2State.SHUTTING_DOWN), state_reason=reason)
    after, segments = advance_meter(before, replace(before, ec2_instance=shown), get_time(5))
    assert (after.billing.meter, segments) == (Meter(), ())


def test_new_spot_price_changes_nothing_that_was_counted_before() -> None:
    before = build_metered_instance(BillingState.RUNNING)
    dearer = replace(before.billing, rates=replace(RATES, instance=Decimal("1.20")))
    after, segments = advance_meter(before, replace(before, billing=dearer), get_time(60))
    assert [(segment.until, segment.rates) for segment in segments] == [(get_time(60), RATES)]
    assert compute_cost(after, get_time(60)) == Decimal("0.666")


def test_decision_bills_the_state_that_ec2_shows() -> None:
    observed = Observation(ec2=replace(EC2_RUNNING, state=Ec2State.STOPPED))
    simulation = Simulation(build_metered_instance(BillingState.RUNNING), observed=observed)
    plan = simulation.decide(60)
    assert plan.instance.billing.meter.state is BillingState.STOPPED
    assert [segment.state for segment in plan.billed_segments] == [BillingState.RUNNING]


@pytest.mark.parametrize("warning_type", [WarningType.IDLE, WarningType.LIFETIME, None])
def test_only_a_stop_for_idleness_saves_until_the_end_of_the_lifetime(warning_type: WarningType | None) -> None:
    reason = EventReason(code=EventCode.IDLE, message="Idle.")
    claim = Claim(action=ClaimAction.STOP, claimed_at=get_time(50), reason=reason, warning_type=warning_type)
    before = replace(build_metered_instance(BillingState.RUNNING), claim=claim)
    stopped = replace(before, ec2_instance=build_ec2_instance(Ec2State.STOPPED), claim=None, lifetime=Lifetime())
    after, _ = advance_meter(before, stopped, get_time(60))
    saves_until = before.lifetime_ends_at if warning_type is WarningType.IDLE else None
    assert after.billing.meter.saves_until == saves_until
    resized = replace(after, billing=replace(after.billing, rates=replace(RATES, instance=Decimal(2))))
    again, (segment,) = advance_meter(after, resized, get_time(90))
    assert segment.saves_until == again.billing.meter.saves_until == saves_until


def test_adopted_instance_is_billed_from_its_adoption_and_not_from_its_launch() -> None:
    adopted = replace(
        build_instance(), is_adopted_on_request=True, created_at=get_time(60), billing=Billing(rates=RATES)
    )
    after, segments = advance_meter(adopted, adopted, get_time(61))
    assert (after.billing.meter.since, segments) == (get_time(60), ())

"""A stop: claimed after the warning, repeated until EC2 says stopped, and cancelled by activity or a keep in time."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.common.aws_errors import TransientAwsError
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.billing import Billing, Meter, Rates
from chalicelib.domain.instances.commands import keep, stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.metering import compute_cost
from chalicelib.domain.instances.outcome import CallAccepted, NoLongerIdle
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time

RATES = Rates(instance=Decimal("0.60"), disk=Decimal("0.06"), address=Decimal("0.006"))


def stop_requested(aws: SimulatedAws) -> Simulation:
    """Return an instance whose stop a person requested in minute 0."""
    simulation = Simulation(replace(build_instance(), billing=Billing(rates=RATES, meter=Meter())), aws=aws)
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    return simulation


def warned() -> Simulation:
    """Return an instance that was warned in minute 10 and will be stopped in minute 15."""
    simulation = Simulation(aws=SimulatedAws())
    simulation.run_minutes(1, 10, build_heartbeat)
    assert simulation.instance.warning is not None
    assert simulation.instance.warning.stop_at == get_time(15)
    return simulation


def test_requested_stop_needs_no_warning_and_is_requested_once() -> None:
    simulation = stop_requested(SimulatedAws())
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    assert simulation.run_until(Phase.STOPPED, 0, 1) == 1
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(2)))
    assert simulation.count_entries(EventCode.STOP_REQUESTED) == 1


def test_stop_without_effect_is_repeated_and_each_repetition_is_recorded() -> None:
    aws = SimulatedAws(faults={Stop: CallAccepted()})
    simulation = stop_requested(aws)
    simulation.run_minutes(0, 12)
    aws.faults.clear()
    assert simulation.run_until(Phase.STOPPED, 13, 16) == 15
    assert simulation.steps == [Stop()] * 5 + [Stop(force=True)] * 3
    repetitions = simulation.list_messages(EventCode.STOP_RETRIED)
    assert ["by force" in message for message in repetitions] == [False] * 4 + [True] * 3


def test_stop_that_never_happens_is_notified_once_and_billed_on() -> None:
    simulation = stop_requested(SimulatedAws(faults={Stop: CallAccepted()}))
    simulation.run_minutes(0, 19)
    assert simulation.count_entries(EventCode.STOP_OVERDUE) == 0
    simulation.run_minutes(20, 35)
    assert (simulation.instance.phase, simulation.count_entries(EventCode.STOP_OVERDUE)) == (Phase.STOPPING, 1)
    hour = compute_cost(simulation.instance, get_time(95)) - compute_cost(simulation.instance, get_time(35))
    assert hour == sum(price for price in (RATES.instance, RATES.disk, RATES.address) if price)


def test_idle_stop_is_claimed_only_after_the_warning_period() -> None:
    simulation = warned()
    assert simulation.run_until(Phase.STOPPING, 11, 20, build_heartbeat) == 15
    claimed = next(entry for entry in simulation.timeline if entry.code is EventCode.STOP_INITIATED)
    sent = next(entry for entry in simulation.timeline if entry.code is EventCode.IDLE_WARNING)
    assert (sent.at, claimed.at) == (get_time(10), get_time(15))


def test_keep_before_the_claim_cancels_the_stop_until_its_end() -> None:
    simulation = warned()
    simulation.run_minutes(11, 14, build_heartbeat)
    simulation.apply_change(keep.request_keep(simulation.instance, get_time(74), ADA, Limits(), get_time(14)))
    assert simulation.count_entries(EventCode.WARNING_CANCELLED) == 1
    simulation.run_minutes(15, 73, build_heartbeat)
    assert simulation.instance.phase is Phase.READY
    assert simulation.run_until(Phase.STOPPED, 74, 81, build_heartbeat) == 80
    assert simulation.count_entries(EventCode.IDLE_WARNING) == 2, "the keep cancelled the first warning"


def test_keep_after_the_claim_is_refused_with_the_way_to_start_again() -> None:
    simulation = warned()
    simulation.run_until(Phase.STOPPING, 11, 15, build_heartbeat)
    with pytest.raises(Conflict) as refusal:
        keep.request_keep(simulation.instance, get_time(60), ADA, Limits(), get_time(15))
    assert "To start it again, send POST /instances/" in refusal.value.message


def test_keep_lasts_until_its_time_although_the_instance_is_stopped_and_started() -> None:
    aws = SimulatedAws()
    simulation = Simulation(aws=aws)
    simulation.apply_change(keep.request_keep(simulation.instance, get_time(60), ADA, Limits(), get_time(0)))
    aws.state = Ec2State.STOPPED
    assert simulation.run_until(Phase.STOPPED, 1, 1) == 1
    aws.state, aws.launched_at = Ec2State.RUNNING, get_time(2)
    started = simulation.run_until(Phase.READY, 3, 5)
    simulation.run_minutes(started, 59, lambda minute: build_heartbeat(minute, since=started))
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)
    assert simulation.instance.lifetime.keep_until == get_time(60)


def test_warning_belongs_to_one_idle_time_although_no_sweep_saw_the_activity_after_it() -> None:
    simulation = warned()
    simulation.decide(40, build_heartbeat(40, since=30))
    assert simulation.instance.phase is Phase.READY
    assert [entry.code for entry in simulation.timeline[-2:]] == [EventCode.WARNING_CANCELLED, EventCode.IDLE_WARNING]


def test_every_repetition_of_an_idle_stop_checks_the_activity_first() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 14, build_heartbeat)
    simulation.call = lambda _: TransientAwsError("InternalError", "Try again.")
    simulation.run_minutes(15, 24, build_heartbeat)
    assert simulation.steps == [Stop(if_still_idle=True)] * 5
    simulation.call = lambda _: NoLongerIdle(EventReason(code=EventCode.BUSY, message="The CPU is active."))
    simulation.decide(25)
    assert simulation.steps[-1] == Stop(force=True, if_still_idle=True)
    assert (simulation.instance.phase, simulation.instance.claim) == (Phase.READY, None)
    (message,) = simulation.list_messages(EventCode.STOP_CANCELLED)
    assert message.startswith("n was not stopped. The CPU is active.")

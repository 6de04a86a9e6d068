"""A stop: claimed after the warning, repeated until EC2 says stopped, and cancelled by activity or a keep in time."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.common.errors import Conflict, TransientAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.billing import Billing, Meter, Rates
from chalicelib.domain.instances.commands import keep, stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.metering import compute_cost
from chalicelib.domain.instances.plan import CallAccepted, NoLongerIdle, Stop
from chalicelib.domain.instances.record import Phase
from tests.property.world import ADA
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, at, heartbeat, ready

RATES = Rates(instance=Decimal("0.60"), disk=Decimal("0.06"), address=Decimal("0.006"))


def stop_requested(aws: SimulatedAws) -> Simulation:
    """Return an instance whose stop a person requested in minute 0."""
    desk = Simulation(replace(ready(), billing=Billing(rates=RATES, meter=Meter())), aws=aws)
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(0)))
    return desk


def warned() -> Simulation:
    """Return an instance that was warned in minute 10 and will be stopped in minute 15."""
    desk = Simulation(aws=SimulatedAws())
    desk.live(1, 10, heartbeat)
    assert desk.instance.warning is not None
    assert desk.instance.warning.stop_at == at(15)
    return desk


def test_requested_stop_needs_no_warning_and_is_requested_once() -> None:
    desk = stop_requested(SimulatedAws())
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(0)))
    assert desk.live_until(Phase.STOPPED, 0, 1) == 1
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(2)))
    assert desk.count(EventCode.STOP_REQUESTED) == 1


def test_stop_without_effect_is_repeated_and_each_repetition_is_recorded() -> None:
    aws = SimulatedAws(faults={Stop: CallAccepted()})
    desk = stop_requested(aws)
    desk.live(0, 12)
    aws.faults.clear()
    assert desk.live_until(Phase.STOPPED, 13, 16) == 15
    assert desk.steps == [Stop()] * 5 + [Stop(force=True)] * 3
    repetitions = desk.messages(EventCode.STOP_RETRIED)
    assert ["by force" in message for message in repetitions] == [False] * 4 + [True] * 3


def test_stop_that_never_happens_is_notified_once_and_billed_on() -> None:
    desk = stop_requested(SimulatedAws(faults={Stop: CallAccepted()}))
    desk.live(0, 19)
    assert desk.count(EventCode.STOP_OVERDUE) == 0
    desk.live(20, 35)
    assert (desk.instance.phase, desk.count(EventCode.STOP_OVERDUE)) == (Phase.STOPPING, 1)
    hour = compute_cost(desk.instance, at(95)) - compute_cost(desk.instance, at(35))
    assert hour == RATES.instance + RATES.disk + RATES.address


def test_idle_stop_is_claimed_only_after_the_warning_period() -> None:
    desk = warned()
    assert desk.live_until(Phase.STOPPING, 11, 20, heartbeat) == 15
    claimed = next(entry for entry in desk.timeline if entry.code is EventCode.STOP_INITIATED)
    sent = next(entry for entry in desk.timeline if entry.code is EventCode.IDLE_WARNING)
    assert (sent.at, claimed.at) == (at(10), at(15))


def test_keep_before_the_claim_cancels_the_stop_until_its_end() -> None:
    desk = warned()
    desk.live(11, 14, heartbeat)
    desk.apply(keep.request_keep(desk.instance, at(74), ADA, Limits(), at(14)))
    assert desk.count(EventCode.WARNING_CANCELLED) == 1
    desk.live(15, 73, heartbeat)
    assert desk.instance.phase is Phase.READY
    assert desk.live_until(Phase.STOPPED, 74, 81, heartbeat) == 80
    assert desk.count(EventCode.IDLE_WARNING) == 2, "the keep cancelled the first warning, so there is another one"


def test_keep_after_the_claim_is_refused_with_the_way_to_start_again() -> None:
    desk = warned()
    desk.live_until(Phase.STOPPING, 11, 15, heartbeat)
    with pytest.raises(Conflict) as refusal:
        keep.request_keep(desk.instance, at(60), ADA, Limits(), at(15))
    assert "To start it again, send POST /instances/" in refusal.value.message


def test_keep_lasts_until_its_time_although_the_instance_is_stopped_and_started() -> None:
    aws = SimulatedAws()
    desk = Simulation(aws=aws)
    desk.apply(keep.request_keep(desk.instance, at(60), ADA, Limits(), at(0)))
    aws.state = Ec2State.STOPPED
    assert desk.live_until(Phase.STOPPED, 1, 1) == 1
    aws.state, aws.launched_at = Ec2State.RUNNING, at(2)
    started = desk.live_until(Phase.READY, 3, 5)
    desk.live(started, 59, lambda minute: heartbeat(minute, since=started))
    assert (desk.instance.phase, desk.instance.warning) == (Phase.READY, None)
    assert desk.instance.lifetime.keep_until == at(60)


def test_warning_belongs_to_one_idle_time_although_no_sweep_saw_the_activity_after_it() -> None:
    desk = warned()
    desk.decide(40, heartbeat(40, since=30))
    assert desk.instance.phase is Phase.READY
    assert [entry.code for entry in desk.timeline[-2:]] == [EventCode.WARNING_CANCELLED, EventCode.IDLE_WARNING]


def test_every_repetition_of_an_idle_stop_checks_the_activity_first() -> None:
    desk = Simulation()
    desk.live(1, 14, heartbeat)
    desk.call = lambda _: TransientAwsError("InternalError", "Try again.")
    desk.live(15, 24, heartbeat)
    assert desk.steps == [Stop(if_still_idle=True)] * 5
    desk.call = lambda _: NoLongerIdle(EventReason(code=EventCode.BUSY, message="The CPU is active."))
    desk.decide(25)
    assert desk.steps[-1] == Stop(force=True, if_still_idle=True)
    assert (desk.instance.phase, desk.instance.claim) == (Phase.READY, None)
    (message,) = desk.messages(EventCode.STOP_CANCELLED)
    assert message.startswith("n was not stopped. The CPU is active.")

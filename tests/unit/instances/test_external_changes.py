"""Changes outside gpudesk: a stop, a start, a termination, lost tags, and an instance that EC2 no longer shows."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.heartbeat import SelfStopStatus
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.observation import NotVisible, Observation, TagsMissing
from chalicelib.domain.instances.outcome import InstanceLaunched
from chalicelib.domain.instances.plan import Launch
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import ADA, EC2_RUNNING, INSTANCE_ID, build_launch_attempt
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time


def test_instance_that_is_stopped_externally_stays_stopped() -> None:
    aws = SimulatedAws()
    simulation = Simulation(aws=aws)
    aws.state = Ec2State.STOPPED
    simulation.run_minutes(1, 30)
    assert (simulation.instance.phase, simulation.instance.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert [entry.code for entry in simulation.timeline] == [EventCode.STOPPED_EXTERNALLY]
    assert simulation.steps == []


def test_instance_that_is_started_externally_is_managed_again() -> None:
    aws = SimulatedAws()
    simulation = Simulation(aws=aws)
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    simulation.run_until(Phase.STOPPED, 0, 1)
    aws.state, aws.launched_at = Ec2State.RUNNING, get_time(2)
    started = simulation.run_until(Phase.READY, 3, 5)
    assert (simulation.count_entries(EventCode.STARTED_EXTERNALLY), simulation.instance.spec.desired) == (
        1,
        DesiredState.RUNNING,
    )
    stopped = simulation.run_until(Phase.STOPPED, started, 40, lambda minute: build_heartbeat(minute, since=started))
    assert stopped == started + 16


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (Mode.ENFORCE, "Its idle policy and maximum lifetime apply again."),
        (Mode.DRY_RUN, "gpudesk only does a dry run: it does not stop n on its own until an admin sets mode"),
        (Mode.PAUSED, "gpudesk is paused: it does not stop n on its own until an admin sets mode to enforce."),
    ],
)
def test_message_about_an_external_start_says_what_the_mode_allows(mode: Mode, words: str) -> None:
    simulation = Simulation(replace(build_instance(), phase=Phase.STOPPED), mode=mode)
    simulation.decide(1)
    assert words in simulation.list_messages(EventCode.STARTED_EXTERNALLY)[0]


@pytest.mark.parametrize(("mode", "words"), [(Mode.ENFORCE, "is terminating it"), (Mode.PAUSED, "gpudesk is paused")])
def test_message_about_an_instance_that_reappeared_says_when_it_is_terminated(mode: Mode, words: str) -> None:
    closed = replace(build_instance(), phase=Phase.TERMINATED, ec2_instance=None)
    launched = InstanceLaunched(EC2_RUNNING.to_ec2_instance())
    plan = outcomes.record_outcome(closed, Launch(build_launch_attempt()), launched, get_time(1), mode)
    assert words in plan.timeline[0].message


def test_instance_that_is_restarted_between_two_observations_is_managed_again() -> None:
    aws = SimulatedAws(state=Ec2State.STOPPING)
    simulation = Simulation(aws=aws)
    simulation.decide(1)
    assert simulation.instance.phase is Phase.STOPPING
    aws.state, aws.launched_at = Ec2State.RUNNING, get_time(2)
    simulation.run_until(Phase.READY, 3, 5)
    assert simulation.count_entries(EventCode.STARTED_EXTERNALLY) == 1


@pytest.mark.parametrize("state", [Ec2State.STOPPING, Ec2State.STOPPED, Ec2State.SHUTTING_DOWN, Ec2State.TERMINATED])
def test_message_about_a_change_outside_gpudesk_has_the_reason_of_ec2(state: Ec2State) -> None:
    reason = StateReason(code="Server.ScheduledStop", message="Server.ScheduledStop: Stopped due to retirement\x1b[31m")
    simulation = Simulation(observed=Observation(ec2=replace(EC2_RUNNING, state=state, state_reason=reason)))
    simulation.decide(1)
    assert "EC2 gives the reason Server.ScheduledStop: Stopped due to retirement." in simulation.timeline[-1].message


@pytest.mark.parametrize(("cause", "is_named"), [(EndCause.CALL, False), (EndCause.OTHER_REQUEST, True)])
def test_message_about_a_requested_stop_has_the_reason_only_if_it_is_another_one(
    cause: EndCause, is_named: bool
) -> None:
    simulation = Simulation()
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    simulation.decide(0)
    reason = StateReason(code="Client.Code", cause=cause, transition="User initiated (2026-01-05 09:01:00 GMT)")
    simulation.observed = Observation(ec2=replace(EC2_RUNNING, state=Ec2State.STOPPED, state_reason=reason))
    simulation.decide(1)
    assert simulation.instance.phase is Phase.STOPPED
    assert ("EC2 gives the reason Client.Code (User initiated" in simulation.timeline[-1].message) == is_named


def test_instance_that_is_terminated_externally_is_closed() -> None:
    aws = SimulatedAws(state=Ec2State.SHUTTING_DOWN)
    simulation = Simulation(aws=aws)
    assert simulation.run_until(Phase.TERMINATING, 1, 1) == 1
    aws.state = Ec2State.TERMINATED
    assert simulation.run_until(Phase.TERMINATED, 2, 2) == 2
    assert simulation.timeline[-1].code is EventCode.TERMINATED_EXTERNALLY


def test_instance_that_stopped_itself_is_recorded_as_such() -> None:
    aws = SimulatedAws(state=Ec2State.STOPPED)
    simulation = Simulation(aws=aws)
    simulation.decide(1, replace(build_heartbeat(1), self_stop=SelfStopStatus(stop_at=get_time(1), stopping_now=True)))
    assert (simulation.instance.phase, simulation.instance.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert [entry.code for entry in simulation.timeline] == [EventCode.SELF_STOPPED]


def test_instance_without_tags_is_not_touched() -> None:
    simulation = Simulation(observed=Observation(ec2=TagsMissing(INSTANCE_ID)))
    simulation.run_minutes(1, 150, build_heartbeat)
    assert (simulation.instance.phase, simulation.steps) == (Phase.READY, [])
    assert [entry.code for entry in simulation.timeline] == [EventCode.TAGS_LOST]


def test_instance_is_gone_only_after_two_hours_of_absence() -> None:
    simulation = Simulation(observed=Observation(ec2=NotVisible()))
    simulation.decide(9)
    assert simulation.instance.observed.not_visible_since is None, (
        "EC2 shows a new instance only some time after its launch"
    )
    assert simulation.run_until(Phase.TERMINATED, 10, 140) == 130
    assert [entry.code for entry in simulation.timeline] == [EventCode.INSTANCE_GONE]


def test_instance_that_appears_again_is_not_counted_as_absent_before() -> None:
    simulation = Simulation(observed=Observation(ec2=NotVisible()))
    simulation.run_minutes(10, 100)
    simulation.observed = Simulation().observed
    simulation.decide(101)
    assert simulation.instance.observed.not_visible_since is None
    simulation.observed = Observation(ec2=NotVisible())
    simulation.run_minutes(102, 140)
    assert simulation.instance.phase is Phase.READY

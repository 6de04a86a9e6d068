"""Changes outside gpudesk: a stop, a start, a termination, lost tags, and an instance that EC2 no longer shows."""

from dataclasses import replace

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.idle.heartbeat import SelfStopStatus
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.observation import NotVisible, Observation, TagsMissing
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from tests.property.world import ADA, INSTANCE_ID
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, at, heartbeat


def test_instance_that_is_stopped_externally_stays_stopped() -> None:
    aws = SimulatedAws()
    desk = Simulation(aws=aws)
    aws.state = Ec2State.STOPPED
    desk.live(1, 30)
    assert (desk.instance.phase, desk.instance.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert [entry.code for entry in desk.timeline] == [EventCode.STOPPED_EXTERNALLY]
    assert desk.steps == []


def test_instance_that_is_started_externally_is_managed_again() -> None:
    aws = SimulatedAws()
    desk = Simulation(aws=aws)
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(0)))
    desk.live_until(Phase.STOPPED, 0, 1)
    aws.state, aws.launched_at = Ec2State.RUNNING, at(2)
    started = desk.live_until(Phase.READY, 3, 5)
    assert (desk.count(EventCode.STARTED_EXTERNALLY), desk.instance.spec.desired) == (1, DesiredState.RUNNING)
    stopped = desk.live_until(Phase.STOPPED, started, 40, lambda minute: heartbeat(minute, since=started))
    assert stopped == started + 16


def test_instance_that_is_restarted_between_two_observations_is_managed_again() -> None:
    aws = SimulatedAws(state=Ec2State.STOPPING)
    desk = Simulation(aws=aws)
    desk.decide(1)
    assert desk.instance.phase is Phase.STOPPING
    aws.state, aws.launched_at = Ec2State.RUNNING, at(2)
    desk.live_until(Phase.READY, 3, 5)
    assert desk.count(EventCode.STARTED_EXTERNALLY) == 1


def test_instance_that_is_terminated_externally_is_closed() -> None:
    aws = SimulatedAws(state=Ec2State.SHUTTING_DOWN)
    desk = Simulation(aws=aws)
    assert desk.live_until(Phase.TERMINATING, 1, 1) == 1
    aws.state = Ec2State.TERMINATED
    assert desk.live_until(Phase.TERMINATED, 2, 2) == 2
    assert desk.timeline[-1].code is EventCode.TERMINATED_EXTERNALLY


def test_instance_that_stopped_itself_is_recorded_as_such() -> None:
    aws = SimulatedAws(state=Ec2State.STOPPED)
    desk = Simulation(aws=aws)
    desk.decide(1, replace(heartbeat(1), self_stop=SelfStopStatus(stop_at=at(1), stopping_now=True)))
    assert (desk.instance.phase, desk.instance.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert [entry.code for entry in desk.timeline] == [EventCode.SELF_STOPPED]


def test_instance_without_tags_is_not_touched() -> None:
    desk = Simulation(observed=Observation(ec2=TagsMissing(INSTANCE_ID)))
    desk.live(1, 150, heartbeat)
    assert (desk.instance.phase, desk.steps) == (Phase.READY, [])
    assert [entry.code for entry in desk.timeline] == [EventCode.TAGS_LOST]


def test_instance_is_gone_only_after_two_hours_of_absence() -> None:
    desk = Simulation(observed=Observation(ec2=NotVisible()))
    desk.decide(9)
    assert desk.instance.observed.not_visible_since is None, "EC2 shows a new instance only some time after its launch"
    assert desk.live_until(Phase.TERMINATED, 10, 140) == 130
    assert [entry.code for entry in desk.timeline] == [EventCode.INSTANCE_GONE]


def test_instance_that_appears_again_is_not_counted_as_absent_before() -> None:
    desk = Simulation(observed=Observation(ec2=NotVisible()))
    desk.live(10, 100)
    desk.observed = Simulation().observed
    desk.decide(101)
    assert desk.instance.observed.not_visible_since is None
    desk.observed = Observation(ec2=NotVisible())
    desk.live(102, 140)
    assert desk.instance.phase is Phase.READY

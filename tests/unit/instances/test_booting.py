"""Launch and start until the SSM agent responds; without an agent, a stop or a termination after a warning."""

from dataclasses import replace

from chalicelib.domain.common.errors import InsufficientCapacity, QuotaExceeded
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.plan import Start, Stop
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType
from tests.property.world import ADA
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, at, heartbeat, requested


def launched_without_agent(aws: SimulatedAws) -> Simulation:
    """Return an instance that was launched in minute 0 and whose SSM agent does not respond."""
    aws.state, aws.agent_responds = None, False
    desk = Simulation(requested(), aws=aws)
    assert desk.live_until(Phase.BOOTING, 0, 0) == 0
    return desk


def start_requested(aws: SimulatedAws) -> Simulation:
    """Return an instance that was ready, was stopped, and is requested to start in minute 2."""
    desk = Simulation(aws=aws)
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(0)))
    assert desk.live_until(Phase.STOPPED, 0, 1) == 1
    desk.apply(stop_start.request_start(desk.instance, ADA, at(2)))
    return desk


def test_launched_instance_without_an_agent_is_terminated_after_a_warning() -> None:
    desk = launched_without_agent(SimulatedAws())
    desk.live(1, 9)
    assert desk.instance.warning is None
    desk.decide(10)
    assert desk.instance.warning is not None
    assert (desk.instance.warning.warning_type, desk.instance.warning.stop_at) == (WarningType.NO_AGENT, at(15))
    assert desk.live_until(Phase.TERMINATING, 11, 20) == 15
    (message,) = desk.messages(EventCode.TERMINATE_INITIATED)
    for cause in ("route", "endpoint", "role"):
        assert cause in message
    assert desk.live_until(Phase.TERMINATED, 16, 16) == 16


def test_agent_that_responds_in_time_cancels_the_warning() -> None:
    aws = SimulatedAws()
    desk = launched_without_agent(aws)
    desk.live(1, 12)
    assert desk.instance.warning is not None
    aws.agent_responds = True
    desk.live_until(Phase.READY, 13, 18)
    assert desk.instance.warning is None
    assert desk.count(EventCode.WARNING_CANCELLED) == 1


def test_started_instance_without_an_agent_is_stopped_and_keeps_its_disk() -> None:
    aws = SimulatedAws()
    desk = start_requested(aws)
    aws.agent_responds = False
    desk.decide(2)
    assert desk.instance.phase is Phase.BOOTING
    assert desk.live_until(Phase.STOPPED, 3, 20) == 18
    assert (aws.state, desk.instance.spec.desired) == (Ec2State.STOPPED, DesiredState.STOPPED)
    assert desk.count(EventCode.NO_AGENT_WARNING) == 1


def test_start_without_capacity_is_retried_until_the_deadline() -> None:
    aws = SimulatedAws()
    desk = start_requested(aws)
    aws.faults[Start] = InsufficientCapacity("InsufficientInstanceCapacity", "None is left.")
    desk.decide(2)
    assert desk.live_until(Phase.STOPPED, 3, 25) == 18
    assert desk.instance.spec.desired is DesiredState.STOPPED
    assert (desk.count(EventCode.NO_CAPACITY_YET), desk.count(EventCode.START_FAILED)) == (1, 1)
    assert len([step for step in desk.steps if isinstance(step, Start)]) == 8


def test_rejected_start_leaves_the_instance_stopped() -> None:
    aws = SimulatedAws()
    desk = start_requested(aws)
    aws.faults[Start] = QuotaExceeded("VcpuLimitExceeded", "The quota is exceeded.")
    desk.decide(2)
    assert (desk.instance.phase, desk.instance.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert desk.count(EventCode.START_FAILED) == 1


def test_start_that_is_requested_during_a_stop_follows_it() -> None:
    desk = Simulation(aws=SimulatedAws())
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(0)))
    desk.decide(0)
    assert desk.instance.phase is Phase.STOPPING
    desk.apply(stop_start.request_start(desk.instance, ADA, at(1)))
    desk.live_until(Phase.READY, 1, 6)
    assert [type(step) for step in desk.steps] == [Stop, Start]


def test_instance_that_was_set_up_is_not_set_up_again_after_a_start() -> None:
    desk = Simulation(requested(), aws=SimulatedAws(state=None))
    ready_at = desk.live_until(Phase.READY, 0, 5)
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(ready_at)))
    desk.live_until(Phase.STOPPED, ready_at, ready_at + 2)
    desk.apply(stop_start.request_start(desk.instance, ADA, at(ready_at + 3)))
    desk.live_until(Phase.READY, ready_at + 3, ready_at + 5)
    assert len(desk.instance.setup.results) == 2


def test_started_instance_has_no_evidence_and_no_keep_result_of_before() -> None:
    desk = Simulation(aws=SimulatedAws())
    desk.decide(0, replace(heartbeat(1), keep_request=KeepRequest(id="w1", hours=0.1)))
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(1)))
    desk.live(1, 9)
    assert (desk.instance.phase, desk.instance.observed.boot_id, desk.instance.keep_result) == (
        Phase.STOPPED,
        None,
        None,
    )
    desk.apply(stop_start.request_start(desk.instance, ADA, at(10)))
    before = heartbeat(9)
    assert desk.live_until(Phase.READY, 10, 12, lambda _: before) == 11
    desk.live(12, 20, lambda minute: heartbeat(minute, since=11))
    assert desk.instance.warning is None, "the window of 10 minutes began in minute 11"
    desk.decide(21, heartbeat(21, since=11))
    assert desk.instance.warning is not None


def test_first_heartbeat_after_a_start_is_no_reboot() -> None:
    desk = start_requested(SimulatedAws())
    desk.live_until(Phase.READY, 2, 4)
    desk.live(5, 6, lambda minute: replace(heartbeat(minute, since=4), boot_id="boot-2"))
    assert desk.instance.observed.boot_id == "boot-2"
    assert desk.count(EventCode.REBOOTED) == 0

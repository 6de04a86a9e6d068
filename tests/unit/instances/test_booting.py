"""Launch and start until the SSM agent responds; without an agent, a stop or a termination after a warning."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.aws_errors import InsufficientCapacity, QuotaExceeded
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle import booting
from chalicelib.domain.instances.observation import Unavailable
from chalicelib.domain.instances.plan import Start, Stop
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType
from tests.support.ready_instance import ADA
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_requested_instance, get_time


def launched_without_agent(aws: SimulatedAws) -> Simulation:
    """Return an instance that was launched in minute 0 and whose SSM agent does not respond."""
    aws.state, aws.agent_responds = None, False
    simulation = Simulation(build_requested_instance(), aws=aws)
    assert simulation.run_until(Phase.BOOTING, 0, 0) == 0
    return simulation


def start_requested(aws: SimulatedAws) -> Simulation:
    """Return an instance that was ready, was stopped, and is requested to start in minute 2."""
    simulation = Simulation(aws=aws)
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    assert simulation.run_until(Phase.STOPPED, 0, 1) == 1
    simulation.apply_change(stop_start.request_start(simulation.instance, ADA, get_time(2)))
    return simulation


def test_launched_instance_without_an_agent_is_terminated_after_a_warning() -> None:
    simulation = launched_without_agent(SimulatedAws())
    simulation.run_minutes(1, 9)
    assert simulation.instance.warning is None
    simulation.decide(10)
    assert simulation.instance.warning is not None
    assert (simulation.instance.warning.warning_type, simulation.instance.warning.stop_at) == (
        WarningType.NO_AGENT,
        get_time(15),
    )
    assert simulation.run_until(Phase.TERMINATING, 11, 20) == 15
    (message,) = simulation.list_messages(EventCode.TERMINATE_INITIATED)
    for cause in ("route", "endpoint", "role"):
        assert cause in message
    assert simulation.run_until(Phase.TERMINATED, 16, 16) == 16


def test_started_instance_that_was_adopted_is_ready_without_an_agent() -> None:
    aws = SimulatedAws()
    simulation = start_requested(aws)
    simulation.instance = replace(simulation.instance, is_adopted_on_request=True)
    aws.agent_responds = False
    minute = simulation.run_until(Phase.READY, 2, 5)
    simulation.run_minutes(minute + 1, 40)
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)


def test_rejected_read_of_the_agent_is_no_missing_response() -> None:
    aws = SimulatedAws()
    simulation = launched_without_agent(aws)
    rejected = Unavailable("AccessDeniedException: not authorized", is_rejected=True)
    observed = replace(aws.observe(get_time(1)), agent=rejected)
    plan = booting.decide(simulation.instance, observed, get_time(1), DeskSettings())
    assert plan.reason.message.startswith("SSM rejected the call, so gpudesk decides nothing about")


@pytest.mark.parametrize(
    ("instance_type", "minutes"), [("g4dn.xlarge", 15), ("g4dn.metal", 35), ("c7i.metal-24xl", 35)]
)
def test_bare_metal_has_more_time_to_boot(instance_type: str, minutes: int) -> None:
    simulation = launched_without_agent(SimulatedAws())
    spec = simulation.instance.spec
    hardware = replace(spec.hardware, instance_type=instance_type)
    simulation.instance = replace(simulation.instance, spec=replace(spec, hardware=hardware))
    assert simulation.aws is not None
    simulation.aws.instance_type = instance_type
    simulation.run_minutes(1, minutes - 6)
    assert simulation.instance.warning is None
    assert simulation.run_until(Phase.TERMINATING, minutes - 5, 50) == minutes


def test_agent_that_responds_in_time_cancels_the_warning() -> None:
    aws = SimulatedAws()
    simulation = launched_without_agent(aws)
    simulation.run_minutes(1, 12)
    assert simulation.instance.warning is not None
    aws.agent_responds = True
    simulation.run_until(Phase.READY, 13, 18)
    assert simulation.instance.warning is None
    assert simulation.count_entries(EventCode.WARNING_CANCELLED) == 1


def test_started_instance_without_an_agent_is_stopped_and_keeps_its_disk() -> None:
    aws = SimulatedAws()
    simulation = start_requested(aws)
    aws.agent_responds = False
    simulation.decide(2)
    assert simulation.instance.phase is Phase.BOOTING
    assert simulation.run_until(Phase.STOPPED, 3, 20) == 18
    assert (aws.state, simulation.instance.spec.desired) == (Ec2State.STOPPED, DesiredState.STOPPED)
    assert simulation.count_entries(EventCode.NO_AGENT_WARNING) == 1


def test_start_without_capacity_is_retried_until_the_deadline() -> None:
    aws = SimulatedAws()
    simulation = start_requested(aws)
    aws.faults[Start] = InsufficientCapacity("InsufficientInstanceCapacity", "None is left.")
    simulation.decide(2)
    assert simulation.run_until(Phase.STOPPED, 3, 25) == 18
    assert simulation.instance.spec.desired is DesiredState.STOPPED
    assert (simulation.count_entries(EventCode.START_WAITING), simulation.count_entries(EventCode.START_FAILED)) == (
        1,
        1,
    )
    assert len([step for step in simulation.steps if isinstance(step, Start)]) == 8


def test_rejected_start_leaves_the_instance_stopped() -> None:
    aws = SimulatedAws()
    simulation = start_requested(aws)
    aws.faults[Start] = QuotaExceeded("VcpuLimitExceeded", "The quota is exceeded.")
    simulation.decide(2)
    assert (simulation.instance.phase, simulation.instance.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert simulation.count_entries(EventCode.START_FAILED) == 1


def test_start_that_is_requested_during_a_stop_follows_it() -> None:
    simulation = Simulation(aws=SimulatedAws())
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    simulation.decide(0)
    assert simulation.instance.phase is Phase.STOPPING
    simulation.apply_change(stop_start.request_start(simulation.instance, ADA, get_time(1)))
    simulation.run_until(Phase.READY, 1, 6)
    assert [type(step) for step in simulation.steps] == [Stop, Start]


def test_instance_that_was_set_up_is_not_set_up_again_after_a_start() -> None:
    simulation = Simulation(build_requested_instance(), aws=SimulatedAws(state=None))
    ready_at = simulation.run_until(Phase.READY, 0, 5)
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(ready_at)))
    simulation.run_until(Phase.STOPPED, ready_at, ready_at + 2)
    simulation.apply_change(stop_start.request_start(simulation.instance, ADA, get_time(ready_at + 3)))
    simulation.run_until(Phase.READY, ready_at + 3, ready_at + 5)
    assert len(simulation.instance.setup.results) == 2


def test_started_instance_has_no_evidence_and_no_keep_result_of_before() -> None:
    simulation = Simulation(aws=SimulatedAws())
    simulation.decide(0, replace(build_heartbeat(1), keep_request=KeepRequest(id="w1", hours=0.1)))
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(1)))
    simulation.run_minutes(1, 9)
    assert (simulation.instance.phase, simulation.instance.observed.boot_id, simulation.instance.keep_result) == (
        Phase.STOPPED,
        None,
        None,
    )
    simulation.apply_change(stop_start.request_start(simulation.instance, ADA, get_time(10)))
    before = build_heartbeat(9)
    assert simulation.run_until(Phase.READY, 10, 12, lambda _: before) == 11
    simulation.run_minutes(12, 20, lambda minute: build_heartbeat(minute, since=11))
    assert simulation.instance.warning is None, "the window of 10 minutes began in minute 11"
    simulation.decide(21, build_heartbeat(21, since=11))
    assert simulation.instance.warning is not None


def test_first_heartbeat_after_a_start_is_no_reboot() -> None:
    simulation = start_requested(SimulatedAws())
    simulation.run_until(Phase.READY, 2, 4)
    simulation.run_minutes(5, 6, lambda minute: replace(build_heartbeat(minute, since=4), boot_id="boot-2"))
    assert simulation.instance.observed.boot_id == "boot-2"
    assert simulation.count_entries(EventCode.REBOOTED) == 0

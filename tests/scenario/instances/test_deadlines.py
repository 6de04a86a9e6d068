"""No phase can bill for ever: every one has a deadline, and what follows it is told before it comes."""

import pytest

from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.warning import WarningType
from local.machines.host.simulated import SimulatedMachines
from tests.support.channels import add_webhook
from tests.support.world import ADA, World, get_ec2_id, open_world

FAILS = (1, "collecting\n", "E: Unable to locate package libfoo\n")


def test_no_agent_is_warned_of_and_terminated_with_the_likely_causes(desk: World) -> None:
    desk.cloud.agents.silence()
    instance = desk.launch()
    instance = desk.wait_until(instance, lambda now: now.warning is not None, minutes=13)
    assert instance.warning is not None
    assert instance.warning.warning_type is WarningType.NO_AGENT
    instance = desk.wait_for_phase(instance, Phase.TERMINATED, minutes=8)
    claimed = next(line for line in desk.list_timeline(instance) if line.code == "terminate_initiated")
    for cause in ("route", "endpoint", "role"):
        assert cause in claimed.message
    assert desk.list_ec2_ids() == []


def test_an_agent_that_comes_late_but_in_time_withdraws_the_warning(desk: World) -> None:
    desk.cloud.agents.silence()
    instance = desk.wait_until(desk.launch(), lambda now: now.warning is not None, minutes=13)
    desk.cloud.agents.unsilence()
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=5)
    assert instance.warning is None


def test_a_started_instance_without_an_agent_is_stopped_and_keeps_its_disk(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch_until_ready(idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    desk.cloud.agents.silence()
    desk.application.instances.start(ADA, instance.id)
    instance = desk.wait_until(instance, lambda now: now.phase is Phase.STOPPED and now.spec.desired == "stopped", 30)
    assert desk.get_ec2_state(get_ec2_id(instance)) == "stopped"


def test_a_setup_that_fails_once_is_tried_again() -> None:
    machines = SimulatedMachines()
    machines.outcomes["install"] = [FAILS]
    with open_world(machines=machines) as desk:
        instance = desk.launch_until_ready()
        assert [result.succeeded for result in instance.setup.results] == [False, True, True]


def test_a_setup_that_keeps_failing_says_where_and_why_and_is_stopped_after_a_warning() -> None:
    machines = SimulatedMachines()
    machines.outcomes["install"] = [FAILS] * 3
    with open_world(machines=machines) as desk:
        instance = desk.wait_for_phase(desk.launch(), Phase.FAILED)
        assert instance.warning is not None
        for part in ("gpudesk-probe", "step install", "exit code 1", "Unable to locate package libfoo"):
            assert part in instance.reason.message
            assert part in instance.warning.message
        assert "terminate it" in instance.warning.message
        instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=14)
        desk.application.instances.start(ADA, instance.id)
        instance = desk.wait_for_phase(instance, Phase.READY, minutes=8)


def test_a_failed_setup_that_is_kept_is_left_for_somebody_to_look_into() -> None:
    machines = SimulatedMachines()
    machines.outcomes["install"] = [FAILS] * 3
    with open_world(machines=machines) as desk:
        instance = desk.wait_for_phase(desk.launch(), Phase.FAILED)
        desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
        desk.pass_minutes(50, sweep_every=5)
        assert desk.load(instance).phase is Phase.FAILED
        desk.wait_for_phase(instance, Phase.STOPPED, minutes=30)
        assert "failed_warning" in desk.list_codes(instance), (
            "the keep withdrew the first warning, so there is another one"
        )


def test_a_type_that_no_zone_offers_is_a_failure_at_once(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch(gpu="Radeon Pro V520"), Phase.FAILED, minutes=2)
    assert "offers g4ad" in instance.reason.message


def test_aws_that_does_not_answer_a_launch_is_a_failure_in_the_end(desk: World) -> None:
    desk.cloud.faults.inject("DescribeImages", "InternalError", times=500)
    instance = desk.wait_for_phase(desk.launch(), Phase.FAILED, minutes=20)
    assert desk.list_ec2_ids() == []
    assert len(desk.list_timeline(instance)) < 6


def test_an_agent_that_takes_no_command_is_a_failure_in_the_end(desk: World) -> None:
    desk.cloud.faults.inject("SendCommand", "ThrottlingException", times=1000)
    instance = desk.wait_for_phase(desk.launch(), Phase.FAILED, minutes=70, sweep_every=2)
    assert "SSM has not accepted" in instance.reason.message
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=15)


def test_setting_up_is_not_idle() -> None:
    machines = SimulatedMachines()
    machines.outcomes["install"] = [FAILS, FAILS]
    with open_world(machines=machines) as desk:
        instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
        assert "idle_warning" not in desk.list_codes(instance)
        desk.pass_minutes(4)
        assert desk.load(instance).warning is None, "the window begins when it is ready"


def test_capacity_that_one_zone_lacks_is_taken_from_another(desk: World) -> None:
    desk.cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0)
    instance = desk.launch_until_ready()
    assert instance.ec2_instance is not None
    assert instance.ec2_instance.zone != "us-east-1a"
    assert "zone_no_capacity" in desk.list_codes(instance)


def test_capacity_that_no_zone_has_is_a_failure_with_what_to_do(desk: World) -> None:
    for zone in "abcdef":
        desk.cloud.capacity.set("g4dn.xlarge", f"us-east-1{zone}", 0)
    instance = desk.wait_for_phase(desk.launch(), Phase.FAILED, minutes=20)
    assert "Launch another type" in instance.reason.message
    instance = desk.wait_for_phase(instance, Phase.TERMINATED, minutes=70, sweep_every=5)
    assert desk.list_ec2_ids() == []


def test_a_quota_that_is_used_up_is_a_failure_at_once_and_the_owner_hears_of_it(desk: World) -> None:
    box = add_webhook(desk)
    desk.cloud.faults.inject("RunInstances", "VcpuLimitExceeded", "You have requested more vCPU capacity", status=400)
    instance = desk.wait_for_phase(desk.launch(), Phase.FAILED, minutes=2)
    assert "Service Quotas" in instance.reason.message
    assert box.list_types() == ["quota_exceeded"]


def test_a_start_without_capacity_is_given_up_in_the_end(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch_until_ready(idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    assert instance.ec2_instance is not None
    desk.cloud.faults.inject("StartInstances", "InsufficientInstanceCapacity", times=100)
    desk.application.instances.start(ADA, instance.id)
    instance = desk.wait_until(instance, lambda now: now.phase is Phase.STOPPED and now.spec.desired == "stopped", 25)
    assert "start_failed" in desk.list_codes(instance)


@pytest.mark.parametrize("phase", [Phase.REQUESTED, Phase.LAUNCHING, Phase.BOOTING, Phase.SETTING_UP, Phase.READY])
def test_a_terminate_in_any_phase_leaves_nothing_behind(desk: World, phase: Phase) -> None:
    instance = desk.launch()
    if phase is not Phase.REQUESTED:
        desk.pass_minutes({Phase.LAUNCHING: 1, Phase.BOOTING: 1, Phase.SETTING_UP: 2, Phase.READY: 6}[phase])
    desk.application.instances.terminate(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=15)
    assert desk.list_ec2_ids() == []

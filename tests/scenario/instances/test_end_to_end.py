"""Scenario tests of a whole life: launch and setup, a warning and a stop, another start, a termination."""

from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, World, get_ec2_id


def test_request_becomes_a_ready_instance(desk: World) -> None:
    instance = desk.launch_until_ready()
    assert instance.spec.hardware.instance_type == "g4dn.xlarge"
    assert [result.name for result in instance.setup.results] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert desk.list_codes(instance)[0] == "requested"
    assert desk.list_codes(instance)[-1] == "ready"


def test_forgotten_instance_is_warned_and_stopped(desk: World) -> None:
    instance = desk.launch_until_warned()
    assert instance.warning is not None
    assert instance.warning.stop_at - instance.warning.created_at == instance.spec.policy.idle.warning_period
    desk.pass_minutes(5, sweep_every=5)
    instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=4)
    assert desk.get_ec2_state(get_ec2_id(instance)) == "stopped"
    assert "stop_initiated" in desk.list_codes(instance)


def test_stopped_instance_is_started_without_another_setup_and_terminated(desk: World) -> None:
    instance = desk.launch_until_stopped()
    desk.application.instances.start(ADA, instance.name)
    desk.boot_id = "boot-2"
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=5)
    assert len(instance.setup.results) == 2
    desk.application.instances.terminate(ADA, instance.name)
    instance = desk.wait_for_phase(instance, Phase.TERMINATED, minutes=5)
    assert desk.list_ec2_ids() == []

"""Scenario tests of a whole life: launch and setup, a warning and a stop, another start, a termination."""

from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, World, machine_id


def test_request_becomes_a_ready_instance(desk: World) -> None:
    instance = desk.ready()
    assert instance.spec.hardware.instance_type == "g4dn.xlarge"
    assert [result.name for result in instance.setup.results] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert desk.codes(instance)[0] == "requested"
    assert desk.codes(instance)[-1] == "ready"


def test_forgotten_instance_is_warned_and_stopped(desk: World) -> None:
    instance = desk.warned()
    assert instance.warning is not None
    assert instance.warning.stop_at - instance.warning.created_at == instance.spec.policy.idle.warning_period
    desk.minute(5, sweep_every=5)
    instance = desk.until(instance, Phase.STOPPED, minutes=4)
    assert desk.ec2_state(machine_id(instance)) == "stopped"
    assert "stop_initiated" in desk.codes(instance)


def test_stopped_instance_is_started_without_another_setup_and_terminated(desk: World) -> None:
    instance = desk.stopped()
    desk.desk.instances.start(ADA, instance.name)
    desk.boot_id = "boot-2"
    instance = desk.until(instance, Phase.READY, minutes=5)
    assert len(instance.setup.results) == 2
    desk.desk.instances.terminate(ADA, instance.name)
    instance = desk.until(instance, Phase.TERMINATED, minutes=5)
    assert desk.ec2_ids() == []

"""One request becomes an instance, set up, used, warned, stopped, started and terminated."""

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, World, get_ec2_id


def test_a_request_becomes_a_ready_instance(desk: World) -> None:
    instance = desk.launch_until_ready(gpu="T4", recipe="jupyter")
    assert instance.spec.hardware.instance_type == "g4dn.xlarge"
    assert [result.name for result in instance.setup.results] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert desk.list_codes(instance)[0] == "requested"
    assert desk.list_codes(instance)[-1] == "ready"


def test_a_forgotten_instance_is_warned_and_then_stopped(desk: World) -> None:
    instance = desk.launch_until_ready()
    instance = desk.wait_until(instance, lambda now: now.warning is not None, minutes=35)
    assert instance.warning is not None
    assert instance.warning.stop_at - instance.warning.created_at == instance.spec.policy.idle.warning_period
    instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=15)
    assert desk.get_ec2_state(get_ec2_id(instance)) == "stopped"


def test_a_busy_kernel_keeps_the_instance_running(desk: World) -> None:
    desk.activity["jupyter"] = SignalState.ACTIVE
    instance = desk.launch_until_ready()
    desk.pass_minutes(90, sweep_every=5)
    shown = desk.get_snapshot(instance)
    assert shown.instance.phase is Phase.READY
    assert shown.live.activity is not None
    assert "jupyter is active" in shown.live.activity.reason.message


def test_a_stopped_instance_starts_again_and_ends(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch_until_ready(), Phase.STOPPED)
    desk.application.instances.start(ADA, instance.name)
    desk.boot_id = "boot-2"
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=5)
    assert len(instance.setup.results) == 2, "what is set up is not set up again"
    desk.application.instances.terminate(ADA, instance.name)
    instance = desk.wait_for_phase(instance, Phase.TERMINATED, minutes=5)
    assert desk.list_ec2_ids() == []

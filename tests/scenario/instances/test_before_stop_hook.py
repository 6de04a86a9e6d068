"""A before-stop hook on the local cloud: its output is in the timeline, and one that hangs keeps nothing."""

from chalicelib.domain.instances.before_stop import BEFORE_STOP_DOCUMENT
from chalicelib.domain.instances.record import Phase
from local.machines.host.simulated import SimulatedMachines
from tests.support.documents import get_ssm_name
from tests.support.world import World, get_ec2_id

HOOK = "/home/ubuntu/save.sh"


def get_machines(desk: World) -> SimulatedMachines:
    machines = desk.cloud.machines
    assert isinstance(machines, SimulatedMachines)
    return machines


def test_idle_stop_runs_the_hook_once_and_records_its_output(desk: World) -> None:
    instance = desk.launch_until_warned(before_stop_hook=HOOK)
    assert instance.warning is not None
    assert f"Before the stop, {HOOK} runs" in instance.warning.message
    machines = get_machines(desk)
    machines.outcomes[get_ssm_name(BEFORE_STOP_DOCUMENT)] = [(0, "epoch 7\nsaved model.pt\n", "")]
    desk.wait_for_phase(instance, Phase.STOPPED)
    runs = [each for _, each in machines.executed_scripts if each.document_name == get_ssm_name(BEFORE_STOP_DOCUMENT)]
    assert [(run.environment["SSM_hook"], run.environment["SSM_stopReason"]) for run in runs] == [(HOOK, "idle")]
    codes = desk.list_codes(instance)
    expected = ["stop_initiated", "before_stop_started", "before_stop_ended", "stopped"]
    assert [code for code in codes if code in expected] == expected
    (ended,) = [entry for entry in desk.list_timeline(instance) if entry.code == "before_stop_ended"]
    assert ended.details["output"] == "epoch 7 / saved model.pt"


def test_hook_that_does_not_reach_the_instance_delays_the_stop_by_its_bound_at_most(desk: World) -> None:
    instance = desk.launch_until_warned(before_stop_hook=HOOK)
    desk.cloud.agents.silence(get_ec2_id(instance))
    claimed = desk.wait_for_phase(instance, Phase.STOPPING)
    assert claimed.claim is not None
    assert claimed.claim.hook is not None
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    desk.pass_minutes(2)
    assert desk.get_ec2_state(get_ec2_id(instance)) != "running"
    desk.wait_for_phase(instance, Phase.STOPPED)
    (failed,) = [entry for entry in desk.list_timeline(instance) if entry.code == "before_stop_failed"]
    assert "did not take the command" in failed.message
    assert failed.at - claimed.claim.claimed_at <= claimed.claim.hook.bound

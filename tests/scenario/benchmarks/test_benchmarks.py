"""A measurement is an errand of a ready instance: done once, never the instance's end, and kept for comparing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.errors import Conflict, NotFound
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.domain.instances.plan import Outcome, SendDocument, Step
from chalicelib.domain.instances.record import Instance, Phase
from local.machines.host.simulated import SimulatedMachines
from tests.scenario.instances.test_crashes_and_lost_responses import Crashed
from tests.support.channels import add_webhook
from tests.support.world import ADA, ADMIN, World, get_ec2_id

BOB = Actor(owner="bob", role=Role.USER)
MEASURED = Path(__file__).parents[2] / "golden" / "benchmarks" / "h100_1.json"


def measure(desk: World, instance: Instance, actor: Actor = ADA) -> Instance:
    return desk.application.benchmarks.start(actor, instance.id, seconds=None)


def ended(desk: World, instance: Instance, minutes: int = 60) -> str:
    """Minutes pass until it is no longer measured; what the timeline says of it."""
    desk.wait_until(instance, lambda now: now.benchmark_run is None, minutes)
    line = next(line for line in reversed(desk.list_timeline(instance)) if line.code.startswith("benchmark_"))
    return f"{line.code}: {line.message}"


def fleet(desk: World) -> SimulatedMachines:
    machines = desk.cloud.machines
    assert isinstance(machines, SimulatedMachines)
    return machines


def held(desk: World, instance: Instance) -> Callable[[], None]:
    """Commands wait for its agent until this is called; for ten minutes, as SSM has it."""
    desk.cloud.agents.silence(get_ec2_id(instance))
    return lambda: desk.cloud.agents.unsilence(get_ec2_id(instance))


def types(desk: World) -> list[str]:
    compared = desk.application.benchmarks.compare(instance_type=None, gpu=None)
    return [each.benchmark.instance_type for each in compared]


def test_what_was_asked_for_is_measured_kept_and_compared(desk: World) -> None:
    instance = desk.launch_until_ready(gpu="T4", gpu_count=4)
    measure(desk, instance)
    assert ended(desk, instance, 5).startswith(f"benchmark_done: {instance.name} finished its benchmark: 4 x T4: fp32 ")
    assert [code for code in desk.list_codes(instance) if code.startswith("benchmark_")] == [
        "benchmark_requested",
        "benchmark_started",
        "benchmark_done",
    ]
    assert desk.load(instance).phase is Phase.READY
    (found,) = desk.application.benchmarks.compare(instance_type=None, gpu=None)
    assert found.benchmark.instance_type == "g4dn.12xlarge"
    assert {score.result.gpus for score in found.scores} == {1, 2, 4}
    training = [score.efficiency for score in found.scores if score.result.metric == "training"]
    assert training == [1.0, pytest.approx(0.96, rel=0.01), pytest.approx(0.92, rel=0.01)]


def test_what_an_h100_really_did_comes_through_as_ssm_lists_it(desk: World) -> None:
    instance = desk.launch_until_ready(instance_type="p5.4xlarge")
    fleet(desk).outcomes[BENCHMARK_DOCUMENT] = [(0, MEASURED.read_text(encoding="utf-8"), "")]
    measure(desk, instance)
    assert "1 x H100: fp32 51.27 TFLOPS" in ended(desk, instance, 5)


def test_sixteen_gpus_figures_are_not_cut_by_ssms_listing(desk: World) -> None:
    for gpu_count in (8, 16):
        said = json.loads(MEASURED.read_text(encoding="utf-8"))
        counts = [gpus for gpus in (1, 2, 4, 8, 16) if gpus <= gpu_count]
        said["runs"] = [{**run, "gpus": gpus, "median": 123456.0} for gpus in counts for run in said["runs"]]
        assert len(json.dumps(said, separators=(",", ":"))) < 2500


def test_while_it_is_measured_nothing_is_idle_and_the_window_begins_anew_afterwards(desk: World) -> None:
    instance = desk.launch_until_warned()
    done = held(desk, instance)
    measure(desk, instance)
    desk.pass_minutes(8)
    now = desk.load(instance)
    assert (now.phase, now.warning) == (Phase.READY, None)
    shown = desk.get_snapshot(instance).live.activity
    assert shown is not None
    assert shown.reason.message.startswith("Busy: ada requested a benchmark at")
    done()
    ended(desk, instance, 5)
    desk.pass_minutes(4)
    assert desk.load(instance).warning is None


def test_the_owner_hears_what_became_of_each_measurement(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_ready()
    measure(desk, instance)
    ended(desk, instance, 5)
    desk.cloud.faults.inject("SendCommand", "InvalidDocument")
    measure(desk, instance)
    assert "SSM rejected the command" in ended(desk, instance, 5)
    assert box.list_types() == ["benchmark_done", "benchmark_failed"]


def test_a_measurement_that_fails_is_told_why_and_harms_nothing(desk: World) -> None:
    instance = desk.launch_until_ready()
    fleet(desk).outcomes[BENCHMARK_DOCUMENT] = [(1, "", "gpudesk: No Python with PyTorch is here")]
    measure(desk, instance)
    told = ended(desk, instance, 5)
    begins = (
        f"benchmark_failed: {instance.name} could not finish its benchmark: gpudesk-benchmark failed in step measure"
    )
    assert told.startswith(begins)
    assert "gpudesk: No Python with PyTorch is here" in told
    now = desk.load(instance)
    assert (now.phase, now.warning, types(desk)) == (Phase.READY, None, [])


@pytest.mark.parametrize("how", ["stop", "terminate"])
def test_a_stop_or_a_terminate_does_not_wait_for_a_measurement(desk: World, how: str) -> None:
    instance = desk.launch_until_ready()
    held(desk, instance)
    measure(desk, instance)
    desk.pass_minutes(2)
    getattr(desk.application.instances, how)(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED if how == "stop" else Phase.TERMINATED, minutes=8)
    assert "could not finish its benchmark: the instance is " in ended(desk, instance)


def test_a_command_whose_answer_was_lost_is_sent_again_as_the_same_attempt(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.drop_response("SendCommand")
    measure(desk, instance)
    assert ended(desk, instance, 8).startswith("benchmark_done")
    sent = {
        script.environment["SSM_attemptId"]
        for _, script in fleet(desk).executed_scripts
        if script.document_name == BENCHMARK_DOCUMENT
    }
    assert len(sent) == 1
    assert types(desk) == ["g4dn.xlarge"]


def test_a_crash_after_the_command_was_sent_is_repaired_by_the_next_look(desk: World) -> None:
    died: list[Step] = []

    def crash(step: Step, outcome: Outcome) -> None:
        if isinstance(step, SendDocument) and not died:
            died.append(step)
            raise Crashed

    instance = desk.launch_until_ready()
    measure(desk, instance)
    desk.crash_after_calls(crash)
    with pytest.raises(Crashed):
        desk.pass_minutes()
    assert ended(desk, instance, 8).startswith("benchmark_done")
    assert len(desk.application.benchmarks.compare(instance_type=None, gpu=None)) == 1


def test_a_paused_desk_runs_no_benchmark_until_it_enforces_again(desk: World) -> None:
    instance = desk.launch_until_ready()
    measure(desk, instance)
    desk.pause()
    with pytest.raises(Conflict, match="is paused"):
        measure(desk, instance)
    calls = desk.cloud.calls["ssm:SendCommand"]
    desk.pass_minutes(3)
    assert desk.cloud.calls["ssm:SendCommand"] == calls
    desk.application.desk.update(ADMIN, mode=Mode.ENFORCE)
    assert ended(desk, instance, 5).startswith("benchmark_done")


def test_no_image_is_made_of_what_is_being_measured(desk: World) -> None:
    instance = desk.launch_until_ready()
    measure(desk, instance)
    with pytest.raises(Conflict, match=r"runs a benchmark\. Request the image again when the benchmark has ended"):
        desk.application.images.create(ADA, instance.id, name="vision", description="", no_reboot=True)


def test_only_those_whose_it_is_may_have_it_measured(desk: World) -> None:
    with pytest.raises(NotFound):
        measure(desk, desk.launch(), BOB)


def test_a_measurement_and_its_end_are_written_together_or_not_at_all(desk: World) -> None:
    instance = desk.launch_until_ready()
    measure(desk, instance)
    desk.pass_minutes()
    desk.cloud.faults.conflict()
    assert ended(desk, instance, 5).startswith("benchmark_done")
    assert types(desk) == ["g4dn.xlarge"]

"""Scenario tests of a benchmark: its document runs once on a ready instance, and its results are stored and compared.

What gpudesk decides while a benchmark runs is tested without AWS, in `tests/unit/instances/test_benchmark_run.py`.
"""

import json
from pathlib import Path

import pytest

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.errors import Conflict, NotFound
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.domain.instances.record import Instance, Phase
from local.machines.host.simulated import SimulatedMachines
from tests.support.channels import add_webhook
from tests.support.documents import get_ssm_name
from tests.support.world import ADA, World

BOB = Actor(owner="bob", role=Role.USER)
MEASURED = Path(__file__).parents[2] / "golden" / "benchmarks" / "h100_1.json"
MAX_OUTPUT_LENGTH = 2500
"""Length of the output of a step that SSM lists."""


def start(desk: World, instance: Instance, actor: Actor = ADA) -> Instance:
    return desk.application.benchmarks.start(actor, instance.id, seconds=None)


def wait_for_end(desk: World, instance: Instance, minutes: int = 8) -> str:
    """Let minutes pass until the benchmark has ended, and return what the timeline says of it."""
    desk.wait_until(instance, lambda now: now.benchmark_run is None, minutes)
    entry = next(entry for entry in reversed(desk.list_timeline(instance)) if entry.code.startswith("benchmark_"))
    return f"{entry.code}: {entry.message}"


def simulated_machines(desk: World) -> SimulatedMachines:
    machines = desk.cloud.machines
    assert isinstance(machines, SimulatedMachines)
    return machines


def list_measured_types(desk: World) -> list[str]:
    results = desk.application.benchmarks.compare(instance_type=None, gpu=None)
    return [each.benchmark.instance_type for each in results]


def test_requested_benchmark_is_run_stored_and_compared(desk: World) -> None:
    instance = desk.launch_until_ready(gpu="T4", gpu_count=4)
    start(desk, instance)
    done = f"benchmark_done: {instance.name} finished its benchmark: 4 x T4: fp32 "
    assert wait_for_end(desk, instance).startswith(done)
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


def test_output_of_a_real_h100_is_read_as_ssm_lists_it(desk: World) -> None:
    instance = desk.launch_until_ready(instance_type="p5.4xlarge")
    simulated_machines(desk).outcomes[get_ssm_name(BENCHMARK_DOCUMENT)] = [
        (0, MEASURED.read_text(encoding="utf-8"), "")
    ]
    start(desk, instance)
    assert "1 x H100: fp32 51.27 TFLOPS" in wait_for_end(desk, instance)


def test_results_that_dynamodb_refuses_end_the_benchmark(desk: World) -> None:
    instance = desk.launch_until_ready()
    start(desk, instance)
    desk.pass_minutes()
    assert "benchmark_started" in desk.list_codes(instance)
    desk.cloud.faults.inject("TransactWriteItems", "ValidationException", "Number underflow", status=400)
    message = wait_for_end(desk, instance)
    assert message.startswith(f"benchmark_failed: {instance.name} could not finish its benchmark: ")
    assert "Number underflow" in message
    assert list_measured_types(desk) == []


@pytest.mark.parametrize("gpu_count", [8, 16])
def test_output_of_many_gpus_is_not_cut_by_ssm(gpu_count: int) -> None:
    report = json.loads(MEASURED.read_text(encoding="utf-8"))
    counts = [gpus for gpus in (1, 2, 4, 8, 16) if gpus <= gpu_count]
    report["runs"] = [{**run, "gpus": gpus, "median": 123456.0} for gpus in counts for run in report["runs"]]
    assert len(json.dumps(report, separators=(",", ":"))) < MAX_OUTPUT_LENGTH


def test_owner_is_notified_of_the_end_of_each_benchmark(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_ready()
    start(desk, instance)
    wait_for_end(desk, instance)
    desk.cloud.faults.inject("SendCommand", "InvalidDocument")
    start(desk, instance)
    assert "SSM rejected the command" in wait_for_end(desk, instance)
    assert box.list_types() == ["benchmark_done", "benchmark_failed"]


def test_command_whose_response_was_lost_is_sent_again_with_the_same_attempt_id(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.drop_response("SendCommand")
    start(desk, instance)
    assert wait_for_end(desk, instance).startswith("benchmark_done")
    sent = {
        script.environment["SSM_attemptId"]
        for _, script in simulated_machines(desk).executed_scripts
        if script.document_name == get_ssm_name(BENCHMARK_DOCUMENT)
    }
    assert len(sent) == 1
    assert list_measured_types(desk) == ["g4dn.xlarge"]


def test_paused_gpudesk_sends_and_accepts_no_benchmark(desk: World) -> None:
    instance = desk.launch_until_ready()
    start(desk, instance)
    desk.pause()
    with pytest.raises(Conflict, match="is paused"):
        start(desk, instance)
    calls = desk.cloud.calls["ssm:SendCommand"]
    desk.pass_minutes()
    assert desk.cloud.calls["ssm:SendCommand"] == calls
    assert desk.load(instance).benchmark_run is not None


def test_image_is_refused_while_a_benchmark_runs(desk: World) -> None:
    instance = desk.launch_until_ready()
    start(desk, instance)
    with pytest.raises(Conflict, match=r"runs a benchmark\. Request the image again when the benchmark has ended"):
        desk.application.images.create(ADA, instance.id, name="vision", description="", no_reboot=True)


def test_benchmark_of_the_instance_of_another_owner_is_refused(desk: World) -> None:
    with pytest.raises(NotFound):
        start(desk, desk.launch(), BOB)


def test_result_and_end_of_a_benchmark_are_written_together(desk: World) -> None:
    instance = desk.launch_until_ready()
    start(desk, instance)
    desk.pass_minutes()
    desk.cloud.faults.inject_conflict()
    assert wait_for_end(desk, instance).startswith("benchmark_done")
    assert list_measured_types(desk) == ["g4dn.xlarge"]

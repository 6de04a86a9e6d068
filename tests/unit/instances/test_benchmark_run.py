"""Benchmark runs: one decision at a time, without AWS."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.catalog.gpu_models import Peaks
from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError, TransientAwsError
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.idle.rule import ActivityState
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request
from chalicelib.domain.instances.commands.setup_request import SetupRequest
from chalicelib.domain.instances.commands.start_benchmark import request_benchmark
from chalicelib.domain.instances.lifecycle import decide, outcomes
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.lifecycle.ready import judge_instance
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, Observation, ObservedCommand, Unavailable
from chalicelib.domain.instances.outcome import CommandSent
from chalicelib.domain.instances.plan import Plan, SendDocument
from chalicelib.domain.instances.record import ImageInProgress, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.setup.step_output import StepOutput
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import ADA, EC2_RUNNING, START, build_ready_instance

MINUTE = timedelta(minutes=1)
Command = ObservedCommand | NotVisible | Unavailable
CATALOG = load_catalog()
NO_COMMAND = NotVisible()
H100 = (Path(__file__).parents[2] / "golden" / "benchmarks" / "h100_1.json").read_text(encoding="utf-8")
T4 = H100.replace("H100 80GB HBM3", "T4").replace("51.27", "6.1").replace("51.", "6.").replace("663.1", "60")


def build_requesting_instance(
    instance: Instance | None = None, actor: Actor = ADA, at: datetime = START, seconds: int | None = None
) -> Instance:
    return request_benchmark(
        instance or replace(build_ready_instance(), version=7), CATALOG, seconds, actor, at
    ).instance


def build_context(mode: Mode = Mode.ENFORCE) -> DecisionContext:
    return DecisionContext(
        desk=DeskSettings(mode=mode),
        heartbeat_table="t",
        heartbeat_region="r",
        instance_role_id="AROA",
        catalog=CATALOG,
    )


def decide_after(instance: Instance, minutes: int, command: Command = NO_COMMAND, mode: Mode = Mode.ENFORCE) -> Plan:
    """Return the decision some minutes after the request."""
    observed = replace(EC2_RUNNING, instance_type=instance.spec.hardware.instance_type)
    return decide.decide(
        instance, Observation(ec2=observed, command=command), START + minutes * MINUTE, build_context(mode)
    )


def build_benchmarked_instance() -> Instance:
    """Return an instance whose benchmark SSM accepted a minute after the request."""
    plan = decide_after(build_requesting_instance(), 1)
    assert isinstance(plan.step, SendDocument)
    return outcomes.record_outcome(plan.instance, plan.step, CommandSent("c-1"), START + MINUTE).instance


def build_command(status: CommandStatus, output: str = "", exit_code: int = 0) -> ObservedCommand:
    step = StepOutput(
        name="measure", status="Success" if exit_code == 0 else "Failed", exit_code=exit_code, output=output
    )
    return ObservedCommand(command_id="c-1", status=status, status_details=str(status), steps=(step,))


def test_benchmark_is_sent_once_and_keeps_the_instance_busy() -> None:
    plan = decide_after(build_requesting_instance(seconds=5), 1)
    assert isinstance(plan.step, SendDocument)
    assert plan.step.parameters == {"attemptId": "gd-1.benchmark.7", "seconds": "5", "cpu": "0"}
    waiting = decide_after(build_benchmarked_instance(), 2, build_command(CommandStatus.RUNNING))
    assert (waiting.step, waiting.instance.phase) == (None, Phase.READY)
    assert judge_instance(build_benchmarked_instance(), Observation(ec2=EC2_RUNNING), START).state is ActivityState.BUSY


def test_unconfirmed_command_is_sent_again_as_the_same_attempt_until_the_deadline() -> None:
    sent = decide_after(build_requesting_instance(), 1)
    assert decide_after(sent.instance, 1).step is None
    assert decide_after(sent.instance, 2).step == sent.step
    ended = decide_after(sent.instance, 17)
    assert ended.instance.benchmark_run is None
    assert "SSM has not accepted the command for 15 min" in ended.timeline[0].message


@pytest.mark.parametrize("command", [NotVisible(), Unavailable("throttled"), build_command(CommandStatus.RUNNING)])
def test_lost_command_ends_at_its_deadline(command: Command) -> None:
    assert decide_after(build_benchmarked_instance(), 42, command).instance.benchmark_run is not None
    ended = decide_after(build_benchmarked_instance(), 44, command)
    assert (ended.instance.benchmark_run, ended.instance.phase) == (None, Phase.READY)
    assert "it did not end within 30 min" in ended.timeline[0].message


def test_succeeded_benchmark_is_saved_and_restarts_the_idle_window() -> None:
    instance = build_requesting_instance(
        replace(
            build_ready_instance(),
            spec=replace(
                build_ready_instance().spec,
                hardware=replace(build_ready_instance().spec.hardware, instance_type="p5.4xlarge", gpu="H100"),
            ),
        )
    )
    sent = decide_after(instance, 1)
    assert sent.step
    accepted = outcomes.record_outcome(sent.instance, sent.step, CommandSent("c-1"), START + MINUTE).instance
    plan = decide_after(accepted, 3, build_command(CommandStatus.SUCCEEDED, H100))
    assert plan.benchmark is not None
    assert plan.benchmark.summary.startswith("1 x H100: fp32 51.27 TFLOPS, fp16 636.5 TFLOPS")
    assert (plan.instance.benchmark_run, plan.instance.ready_since) == (None, START + 3 * MINUTE)
    assert [line.code for line in plan.timeline] == ["benchmark_done"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            build_command(CommandStatus.FAILED, "gpudesk: No Python with PyTorch is here. Add a recipe with it.", 1),
            "(gpudesk: No Python with PyTorch is here). Add a recipe with it.",
        ),
        (build_command(CommandStatus.SUCCEEDED), "its output is not valid: the output contains no report"),
        (
            build_command(CommandStatus.SUCCEEDED, H100),
            "the report is about 'NVIDIA H100 80GB HBM3', and g4dn.xlarge has T4",
        ),
        (build_command(CommandStatus.SUCCEEDED, T4.replace('"median":6.1', '"median":9')), "is not between|impossible"),
    ],
)
def test_failed_benchmark_has_a_reason_and_leaves_the_instance_ready(command: ObservedCommand, reason: str) -> None:
    plan = decide_after(build_benchmarked_instance(), 3, command)
    assert (plan.instance.benchmark_run, plan.instance.phase, plan.benchmark) == (None, Phase.READY, None)
    assert plan.timeline[0].code == "benchmark_failed"
    assert any(each in plan.timeline[0].message for each in reason.split("|"))


@pytest.mark.parametrize(
    ("outcome", "is_over"),
    [(TransientAwsError("ThrottlingException", "slow"), False), (PermanentAwsError("InvalidDocument", "no"), True)],
)
def test_permanent_error_ends_the_benchmark_and_transient_error_does_not(outcome: AwsError, is_over: bool) -> None:
    plan = decide_after(build_requesting_instance(), 1)
    assert plan.step
    recorded = outcomes.record_outcome(plan.instance, plan.step, outcome, START + MINUTE)
    assert (recorded.instance.benchmark_run is None) is is_over
    assert recorded.instance.phase is Phase.READY


def test_superseded_outcome_changes_nothing() -> None:
    plan = decide_after(build_requesting_instance(), 1)
    assert plan.step
    other = decide_after(build_requesting_instance(replace(build_ready_instance(), version=9)), 1).instance
    for record in (build_ready_instance(), other, replace(plan.instance, phase=Phase.STOPPING)):
        recorded = outcomes.record_outcome(record, plan.step, CommandSent("c-1"), START)
        assert (recorded.reason.code, recorded.instance.benchmark_run, recorded.timeline) == (
            "superseded",
            record.benchmark_run,
            (),
        )


@pytest.mark.parametrize("desired", [DesiredState.STOPPED, DesiredState.TERMINATED])
def test_requested_stop_or_termination_ends_the_benchmark(desired: DesiredState) -> None:
    instance = build_benchmarked_instance()
    plan = decide_after(
        replace(instance, spec=replace(instance.spec, desired=desired)), 2, build_command(CommandStatus.SUCCEEDED, T4)
    )
    assert plan.step is not None
    assert plan.instance.benchmark_run is None
    assert plan.instance.claim is not None
    assert plan.timeline[-1].message.startswith("n could not finish its benchmark: the instance is")


def test_running_benchmark_cancels_the_idle_warning() -> None:
    warned = StopWarning(warning_type=WarningType.IDLE, created_at=START, stop_at=START, message="It will be stopped.")
    plan = decide_after(replace(build_benchmarked_instance(), warning=warned), 20, build_command(CommandStatus.RUNNING))
    assert (plan.instance.warning, plan.timeline[0].code) == (None, "warning_cancelled")
    assert "ada requested a benchmark" in plan.timeline[0].message


def test_unknown_activity_is_not_notified_during_a_benchmark() -> None:
    silent = replace(
        build_benchmarked_instance(),
        observed=replace(build_benchmarked_instance().observed, activity_unknown_since=START),
    )
    assert decide_after(silent, 30).timeline == ()


def test_benchmark_is_sent_after_the_lifetime_warning_and_ends_with_the_lifetime() -> None:
    late = replace(build_ready_instance(max_hours=1), version=7)
    warned = decide_after(build_requesting_instance(late), 56).instance
    assert warned.warning is not None
    assert isinstance(decide_after(warned, 57).step, SendDocument)
    ended = decide_after(replace(build_benchmarked_instance(), spec=late.spec, warning=warned.warning), 62)
    assert (ended.instance.phase, ended.instance.benchmark_run) == (Phase.STOPPING, None)


def test_benchmark_is_not_sent_while_paused_and_is_sent_in_dry_run() -> None:
    paused = decide_after(build_requesting_instance(), 30, mode=Mode.PAUSED)
    assert (paused.step, paused.instance.benchmark_run) == (None, build_requesting_instance().benchmark_run)
    assert isinstance(decide_after(paused.instance, 31, mode=Mode.DRY_RUN).step, SendDocument)


def test_second_request_during_a_benchmark_changes_nothing() -> None:
    root = Actor(owner="root", role=Role.ADMIN)
    again = request_benchmark(build_benchmarked_instance(), CATALOG, 9, root, START + 2 * MINUTE)
    assert (again.instance, again.entries) == (build_benchmarked_instance(), ())


@pytest.mark.parametrize(
    ("instance", "message", "code"),
    [
        (
            replace(
                build_ready_instance(),
                spec=replace(
                    build_ready_instance().spec,
                    hardware=replace(build_ready_instance().spec.hardware, gpu=None, gpu_count=0),
                ),
            ),
            "which has no GPU. The benchmark needs an NVIDIA GPU",
            "no_gpu",
        ),
        (
            replace(
                build_ready_instance(),
                spec=replace(
                    build_ready_instance().spec,
                    hardware=replace(build_ready_instance().spec.hardware, gpu="Radeon Pro V520", nvidia_gpu_count=0),
                ),
            ),
            "has Radeon Pro V520. The benchmark needs an NVIDIA GPU",
            "no_gpu",
        ),
        (
            replace(build_ready_instance(), phase=Phase.STOPPED),
            "n will be started. Start the benchmark when it is ready",
            "not_ready",
        ),
        (
            replace(build_ready_instance(), phase=Phase.FAILED),
            "Run its setup again first .POST /instances/n/setup.. Start the benchmark when it is ready",
            "not_ready",
        ),
        (
            replace(build_ready_instance(), spec=replace(build_ready_instance().spec, desired=DesiredState.STOPPED)),
            "n will be stopped. Start it first",
            "not_ready",
        ),
        (
            replace(
                build_ready_instance(),
                image_in_progress=ImageInProgress(id="im-1", started_at=datetime(2030, 1, 1, tzinfo=UTC)),
            ),
            "An image of n is being created. Start the benchmark when the image is available",
            "image_in_progress",
        ),
    ],
)
def test_benchmark_of_an_unsuitable_instance_is_refused(instance: Instance, message: str, code: str) -> None:
    with pytest.raises(Conflict, match=message) as refused:
        build_requesting_instance(instance)
    assert refused.value.code == code


def test_gpu_without_known_peaks_can_be_measured() -> None:
    ready = build_ready_instance()
    instance = replace(ready, spec=replace(ready.spec, hardware=replace(ready.spec.hardware, gpu="L9")))
    requested = request_benchmark(instance, load_catalog(), None, ADA, START).instance.benchmark_run
    assert requested is not None
    assert requested.target.peaks == Peaks(), "another catalog knew the GPU when the instance was launched"


def test_setup_is_refused_during_a_benchmark() -> None:
    request = SetupRequest(recipe="jupyter", parameters={}, documents=(), given_parameters={}, skipped_message=None)
    with pytest.raises(Conflict, match=r"A benchmark is running on n\. Request the setup when it has ended"):
        apply_setup_request(build_benchmarked_instance(), request, ADA, START)

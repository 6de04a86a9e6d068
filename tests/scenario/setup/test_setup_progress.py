"""A setup that people can follow: the step that runs, what is left by what it took before, why it failed, its sum."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from chalicelib.api.instances.setup_views import SetupView
from chalicelib.api.instances.views import to_snapshot_view
from chalicelib.domain.idle.heartbeat import StepProgress
from chalicelib.domain.instances.record import Instance, Phase
from local.aws.core.timing import AwsTiming
from local.machines.host.simulated import SimulatedMachines
from tests.support.world import ADMIN, World, open_world

LASTS = timedelta(minutes=6)


@pytest.fixture
def machines() -> SimulatedMachines:
    return SimulatedMachines()


@pytest.fixture
def desk(machines: SimulatedMachines) -> Iterator[World]:
    """Documents take six minutes: the probe's three steps two each, Jupyter's two steps three each."""
    with open_world(AwsTiming(min_invocation_for=LASTS), machines) as made:
        yield made


def setup(desk: World, instance: Instance) -> SetupView:
    shown = to_snapshot_view(desk.get_snapshot(instance))["status"]["setup"]
    assert shown is not None
    return shown


def installing_jupyter(desk: World) -> Instance:
    """In the second document, whose first step has run for a minute."""
    instance = desk.wait_until(desk.launch(), lambda now: now.setup.document_index == 1 and bool(now.setup.current_run))
    desk.pass_minutes(2)
    desk.setup_progress = StepProgress(
        document="gpudesk-jupyter",
        step="install",
        position="1 of 2",
        running_for=timedelta(seconds=60),
        last_output_line="Making the Python environment.",
    )
    desk.send_heartbeats()
    return instance


def test_the_step_that_runs_is_shown_with_what_it_said_last(desk: World) -> None:
    instance = installing_jupyter(desk)
    shown = setup(desk, instance)
    assert (shown["document"], shown["document_index"], shown["document_count"]) == ("gpudesk-jupyter", 2, 2)
    step = shown["step"]
    assert step is not None
    assert (step["name"], step["step_index"], step["step_count"]) == ("install", 1, 2)
    assert step["last_output_line"] == "Making the Python environment."
    assert step["running_seconds"] == 60
    assert (step["remaining_seconds"], shown["remaining_seconds"]) == (None, None), "nobody has seen it run before"
    desk.clock.advance(timedelta(seconds=30))
    step = setup(desk, instance)["step"]
    assert step is not None
    assert step["running_seconds"] == 90, "as of now, not of the last heartbeat"


def test_what_is_left_is_known_by_what_it_took_before(desk: World) -> None:
    desk.launch_until_ready()
    instance = installing_jupyter(desk)
    shown = setup(desk, instance)
    step = shown["step"]
    assert step is not None
    assert step["remaining_seconds"] == 120, "the step took three minutes before, one is over"
    assert shown["remaining_seconds"] == 120 + 180
    first = desk.wait_for_phase(desk.launch(), Phase.SETTING_UP)
    assert setup(desk, first)["remaining_seconds"] == 720, "both documents, with no word of the machine yet"


def test_on_another_type_nobody_knows(desk: World) -> None:
    desk.launch_until_ready()
    instance = desk.wait_for_phase(desk.launch(instance_type="g5.xlarge"), Phase.SETTING_UP)
    assert setup(desk, instance)["remaining_seconds"] is None


def test_what_another_documents_step_says_is_not_shown(desk: World) -> None:
    instance = installing_jupyter(desk)
    desk.setup_progress = StepProgress(
        document="gpudesk-other", step="x", position="1 of 1", running_for=timedelta(1), last_output_line=""
    )
    desk.send_heartbeats()
    assert setup(desk, instance)["step"] is None


@pytest.mark.parametrize("position", ["", "two of 2", "1 of", "-1 of 2", "1 of 99999"])
def test_an_unreadable_position_of_a_step_is_null(desk: World, position: str) -> None:
    instance = installing_jupyter(desk)
    assert desk.setup_progress is not None
    desk.setup_progress = replace(desk.setup_progress, position=position)
    desk.send_heartbeats()
    step = setup(desk, instance)["step"]
    assert step is not None
    assert (step["name"], step["step_index"], step["step_count"]) == ("install", None, None)


def test_a_setup_that_is_done_says_what_it_came_to(desk: World, machines: SimulatedMachines) -> None:
    machines.outcomes["install"] = [(0, "x" * 3000, ""), (0, "This step runs again, after reboot 1.\nDone.\n", "")]
    instance = desk.launch_until_ready()
    probe, jupyter = (line.message for line in desk.list_timeline(instance) if line.code == "document_succeeded")
    assert "(document 1 of 2): inspect 120 s, install 120 s, start 120 s; no reboot, 3,000 bytes of output" in probe
    assert "(document 2 of 2): install 180 s, start 180 s; 1 reboot, 44 bytes of output" in jupyter
    assert "Recipe jupyter was set up in " in instance.reason.message
    assert "1 reboot, 3,044 bytes of output" in instance.reason.message
    result = setup(desk, instance)["results"][1]
    assert (result["duration_seconds"], result["reboots"], result["output_bytes"]) == (360, 1, 44)
    assert [(step["name"], step["duration_seconds"]) for step in result["steps"]] == [("install", 180), ("start", 180)]


def test_a_step_that_was_done_before_is_said_and_nothing_is_learned_of_it(
    desk: World, machines: SimulatedMachines
) -> None:
    skipped = "Skipped: this step was done before and has not changed.\n"
    machines.outcomes["install"] = [(0, "", ""), (0, skipped, "")]
    instance = desk.launch_until_ready()
    lines = [line.message for line in desk.list_timeline(instance) if line.code == "document_succeeded"]
    assert "install was done before, start 180 s" in lines[1]
    other = desk.wait_for_phase(desk.launch(), Phase.SETTING_UP)
    assert setup(desk, other)["remaining_seconds"] is None


def test_a_failure_tells_where_why_and_what_to_do(desk: World, machines: SimulatedMachines) -> None:
    why = "E: Unable to locate package libfoo\ngpudesk: apt-get could not install libfoo. The disk may be full.\n"
    machines.outcomes["install"] = [(1, "Reading package lists...\n" * 200, why)]
    instance = desk.wait_until(desk.launch(), lambda now: now.setup.failure is not None)
    failure = setup(desk, instance)["failure"]
    assert failure is not None
    assert (failure["document"], failure["step"], failure["exit_code"]) == ("gpudesk-probe", "install", 1)
    assert failure["lines"] == [
        "E: Unable to locate package libfoo",
        "gpudesk: apt-get could not install libfoo. The disk may be full.",
    ]
    assert failure["remediation"] == "The disk may be full."
    (line,) = [line.message for line in desk.list_timeline(instance) if line.code == "document_failed"]
    assert "failed in step install with exit code 1 (E: Unable to locate package libfoo / gpudesk: apt-get" in line
    assert "gpudesk runs it again (attempt 2 of 3). The disk may be full." in line
    instance = desk.wait_for_phase(instance, Phase.READY)
    assert setup(desk, instance)["failure"] is None, "it went well in the end"


def test_whole_logs_are_kept_where_an_admin_says_so(desk: World, machines: SimulatedMachines) -> None:
    logs = boto3.client("logs", "us-east-1")
    machines.outcomes["inspect"] = [(0, "first", ""), (0, "second", "")]
    desk.launch_until_ready()
    assert logs.describe_log_groups()["logGroups"] == []
    desk.application.desk.update(ADMIN, logs={"log_group": "/gpudesk/setup"})
    instance = desk.launch_until_ready()
    assert instance.ec2_instance is not None
    streams = logs.describe_log_streams(logGroupName="/gpudesk/setup")["logStreams"]
    (name,) = [stream["logStreamName"] for stream in streams]
    assert name.endswith(f"/{instance.ec2_instance.instance_id}/inspect/stdout")
    (event,) = logs.get_log_events(logGroupName="/gpudesk/setup", logStreamName=name)["events"]
    assert event["message"] == "second"

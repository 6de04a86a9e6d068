"""Scenario tests of a setup that people follow: running step, remaining time, failure, summary and logs.

How progress and results are computed is tested without AWS, in `tests/unit/instances/test_setup_progress.py`.
"""

import json
from collections.abc import Iterator
from datetime import timedelta

import boto3
import pytest

from chalicelib.api.instances.setup_views import SetupView
from chalicelib.api.instances.views import to_snapshot_view
from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.ssm import Ssm
from chalicelib.domain.idle.heartbeat import StepProgress
from chalicelib.domain.instances.observation import ObservedCommand
from chalicelib.domain.instances.record import Instance, Phase
from local.aws.core.timing import AwsTiming
from local.machines.errors import MachineHalted
from local.machines.host.simulated import SimulatedMachines
from local.settings import STAGE
from tests.support.channels import add_webhook
from tests.support.world import ADMIN, World, open_world

DOCUMENT_DURATION = timedelta(minutes=3)
"""The three steps of the probe take one minute each, the two steps of Jupyter 90 seconds each."""


@pytest.fixture
def machines() -> SimulatedMachines:
    return SimulatedMachines()


@pytest.fixture
def desk(machines: SimulatedMachines) -> Iterator[World]:
    with open_world(machines=machines) as made:
        yield made


@pytest.fixture
def slow_desk(machines: SimulatedMachines) -> Iterator[World]:
    """gpudesk on a cloud in which each document takes `DOCUMENT_DURATION`."""
    with open_world(AwsTiming(min_invocation_for=DOCUMENT_DURATION), machines) as made:
        yield made


def show_setup(desk: World, instance: Instance) -> SetupView:
    shown = to_snapshot_view(desk.get_snapshot(instance))["status"]["setup"]
    assert shown is not None
    return shown


def test_running_step_is_shown_with_its_last_line_and_the_remaining_time(slow_desk: World) -> None:
    desk = slow_desk
    first = desk.wait_for_phase(desk.launch(), Phase.SETTING_UP)
    assert show_setup(desk, first)["remaining_seconds"] is None, "no document has run on this type before"
    desk.wait_for_phase(first, Phase.READY)
    instance = desk.wait_for_phase(desk.launch(key="second"), Phase.SETTING_UP)
    assert show_setup(desk, instance)["remaining_seconds"] == 360, "both documents, before the first heartbeat"
    desk.wait_until(instance, lambda now: now.setup.document_index == 1 and now.setup.current_run is not None)
    desk.setup_progress = StepProgress(
        document="gpudesk-jupyter",
        step="install",
        position="1 of 2",
        running_for=timedelta(seconds=30),
        last_output_line="Making the Python environment.",
    )
    desk.clock.advance(timedelta(seconds=30))
    desk.send_heartbeats()
    shown = show_setup(desk, instance)
    assert (shown["document"], shown["document_index"], shown["document_count"]) == ("gpudesk-jupyter", 2, 2)
    step = shown["step"]
    assert step is not None
    assert (step["name"], step["step_index"], step["step_count"]) == ("install", 1, 2)
    assert step["last_output_line"] == "Making the Python environment."
    assert (step["running_seconds"], step["remaining_seconds"]) == (30, 60)
    assert shown["remaining_seconds"] == 60 + 90


def test_finished_setup_is_summarized(slow_desk: World, machines: SimulatedMachines) -> None:
    desk = slow_desk
    machines.outcomes["install"] = [(0, "x" * 3000, ""), (0, "This step runs again, after reboot 1.\nDone.\n", "")]
    instance = desk.launch_until_ready()
    probe, jupyter = (entry.message for entry in desk.list_timeline(instance) if entry.code == "document_succeeded")
    assert "(document 1 of 2): inspect 60 s, install 60 s, start 60 s; no reboot, 3,000 bytes of output" in probe
    assert "(document 2 of 2): install 90 s, start 90 s; 1 reboot, 44 bytes of output" in jupyter
    assert "Recipe jupyter was set up in " in instance.reason.message
    assert "1 reboot, 3,044 bytes of output" in instance.reason.message
    result = show_setup(desk, instance)["results"][1]
    assert (result["duration_seconds"], result["reboots"], result["output_bytes"]) == (180, 1, 44)
    assert [(step["name"], step["duration_seconds"]) for step in result["steps"]] == [("install", 90), ("start", 90)]


def test_failure_is_shown_with_its_step_the_cause_and_what_to_do(desk: World, machines: SimulatedMachines) -> None:
    errors = "E: Unable to locate package libfoo\ngpudesk: apt-get could not install libfoo. The disk may be full.\n"
    machines.outcomes["install"] = [(1, "Reading package lists...\n" * 200, errors)]
    instance = desk.wait_until(desk.launch(), lambda now: now.setup.failure is not None)
    failure = show_setup(desk, instance)["failure"]
    assert failure is not None
    assert (failure["document"], failure["step"], failure["exit_code"]) == ("gpudesk-probe", "install", 1)
    assert failure["lines"] == [
        "E: Unable to locate package libfoo",
        "gpudesk: apt-get could not install libfoo.",
    ]
    assert failure["remediation"] == "The disk may be full."
    (line,) = [line.message for line in desk.list_timeline(instance) if line.code == "document_failed"]
    assert line == (
        f"gpudesk-probe failed in step install with exit code 1 on {instance.name} (E: Unable to locate package libfoo "
        "/ gpudesk: apt-get could not install libfoo). gpudesk runs it again (attempt 2 of 3). The disk may be full."
    )
    instance = desk.wait_for_phase(instance, Phase.READY)
    assert show_setup(desk, instance)["failure"] is None, "the second attempt succeeded"


def test_system_that_goes_down_and_command_that_is_not_taken_are_reported_and_the_setup_goes_on(
    desk: World, machines: SimulatedMachines
) -> None:
    machines.outcomes["install"] = [MachineHalted("rebooted")]
    instance = desk.wait_until(desk.launch(), lambda now: now.setup.interruptions == 1)
    shown = show_setup(desk, instance)
    assert (shown["attempts"], shown["interruptions"]) == (0, 1)
    assert shown["failure"] is not None
    assert shown["failure"]["step"] is None, "the agent blames the first step, which succeeded"
    desk.cloud.faults.make_undeliverable()
    instance = desk.wait_for_phase(instance, Phase.READY)
    reported = [
        entry for entry in desk.list_timeline(instance) if entry.code in ("document_interrupted", "document_failed")
    ]
    assert [entry.code for entry in reported] == ["document_interrupted", "document_failed"]
    assert reported[0].message.startswith(
        f"The system or its SSM agent went down while gpudesk-probe ran on {instance.name}. "
    )
    assert reported[1].message.startswith("The SSM agent did not take the command for gpudesk-probe (Undeliverable)")


def test_long_output_of_a_step_with_a_short_name_is_read_as_far_as_it_is_listed(
    desk: World, machines: SimulatedMachines
) -> None:
    """GetCommandInvocation refuses names of fewer than four letters, such as d2l."""
    ssm = boto3.client("ssm", "us-east-1")
    ready = desk.launch_until_ready()
    assert ready.ec2_instance is not None
    step = {"action": "aws:runShellScript", "name": "d2l", "inputs": {"runCommand": ["true"]}}
    content = json.dumps({"schemaVersion": "2.2", "mainSteps": [step]})
    ssm.create_document(Name="short", Content=content, DocumentType="Command")
    machines.outcomes["d2l"] = [(0, "x" * 3000, "")]
    target = ready.ec2_instance.instance_id
    sent = ssm.send_command(InstanceIds=[target], DocumentName="short")["Command"]["CommandId"]
    command = Ssm(build_client_sets().loop, STAGE).get_command("us-east-1", sent, target)
    assert isinstance(command, ObservedCommand)
    assert [len(step.output) for step in command.steps] == [2500]


def test_secrets_and_control_characters_of_a_step_reach_nobody(desk: World, machines: SimulatedMachines) -> None:
    errors = (
        "\x1b[31mERROR\x1b[0m: AWS_SECRET_ACCESS_KEY=hunter2\r\nERROR: \x1b]0;x\aAuthorization: Bearer hunter2\n"
        'ERROR: {"password": "hunter2"} \u202e\x00\nERROR: https://x.s3.amazonaws.com/a?X-Amz-Signature=hunter2\n'
    )
    machines.outcomes["install"] = [(1, "", errors)] * 3
    box = add_webhook(desk)
    instance = desk.wait_until(desk.launch(), lambda now: now.phase is Phase.FAILED)
    desk.pass_minutes(2)
    failure = show_setup(desk, instance)["failure"]
    assert failure is not None
    assert failure["lines"] == [
        "ERROR: AWS_SECRET_ACCESS_KEY=***",
        "ERROR: Authorization: ***",
        'ERROR: {"password": "***"}',
        "ERROR: https://x.s3.amazonaws.com/a?X-Amz-Signature=***",
    ]
    (message,) = [json.loads(body)["data"]["message"] for _, body in box.messages if b'"setup_failed"' in body]
    assert "ERROR: AWS_SECRET_ACCESS_KEY=***" in message
    assert message.isprintable()
    everything = repr((desk.load(instance), desk.list_timeline(instance), box.messages))
    assert not any(text in everything for text in ("hunter2", "\\x1b", "\\u202e", "\\x00"))


def test_whole_output_is_logged_if_an_admin_sets_a_log_group(desk: World, machines: SimulatedMachines) -> None:
    logs = boto3.client("logs", "us-east-1")
    machines.outcomes["inspect"] = [(0, "first", ""), (0, "second", "")]
    desk.wait_until(desk.launch(key="first"), lambda now: now.setup.document_index == 1)
    assert logs.describe_log_streams(logGroupName="/gpudesk/dev/instances")["logStreams"] == []
    desk.application.desk.update(ADMIN, logs={"log_group": "/gpudesk/dev/instances"})
    instance = desk.wait_until(desk.launch(key="second"), lambda now: now.setup.document_index == 1)
    assert instance.ec2_instance is not None
    streams = logs.describe_log_streams(logGroupName="/gpudesk/dev/instances")["logStreams"]
    name = f"/{instance.ec2_instance.instance_id}/inspect/stdout"
    (stream,) = [stream["logStreamName"] for stream in streams if stream["logStreamName"].endswith(name)]
    (event,) = logs.get_log_events(logGroupName="/gpudesk/dev/instances", logStreamName=stream)["events"]
    assert event["message"] == "second"

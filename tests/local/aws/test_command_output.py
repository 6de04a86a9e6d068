"""Output of ended commands: times of steps, output cut as the agent does it, complete logs."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local.aws.core.testing import in_process_cloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from local.machines.agent.output import combine_output
from local.machines.host.simulated import SimulatedMachines
from tests.local.aws.conftest import ONCE, TIME_UNTIL_READY, build_launcher
from tests.local.aws.fakes import RecordingMachines
from tests.local.aws.test_run_command import build_document, build_step, create_document
from tests.local.machines.run_agent_contract import ContractRun, load_contract

MINUTE = timedelta(minutes=1)
OUT_CUT, ERROR_CUT, RULE = "\n---Output truncated---", "\n---Error truncated----", "\n----------ERROR-------\n"


def test_short_output_is_listed_completely() -> None:
    assert combine_output("out", "") == "out"
    assert combine_output("out", "bad") == f"out{RULE}bad"


def test_long_output_is_cut_and_short_errors_stay_complete() -> None:
    text = combine_output("o" * 10_000, "why it failed")
    assert text.endswith(f"{OUT_CUT}{RULE}why it failed")
    assert len(text) == 2500


def test_long_errors_are_cut_and_short_output_stays_complete() -> None:
    text = combine_output("out", "e" * 10_000)
    assert text.startswith(f"out{RULE}eee")
    assert text.endswith(ERROR_CUT)
    assert len(text) == 2500


def test_long_output_and_long_errors_get_half_each() -> None:
    text = combine_output("o" * 10_000, "e" * 10_000)
    assert text.count("o" * 1000) == text.count("e" * 1000) == 1
    assert OUT_CUT + RULE in text
    assert text.endswith(ERROR_CUT)
    assert 2490 <= len(text) <= 2500


def test_steps_divide_time_of_invocation(clock: ManualClock) -> None:
    with in_process_cloud(clock, timing=AwsTiming(min_invocation_for=4 * MINUTE)):
        ssm: Any = boto3.client("ssm", "us-east-1", config=ONCE)
        create_document(ssm, build_document(build_step("first"), build_step("second")))
        instance_id = build_launcher(boto3.client("ec2", "us-east-1"), ssm)()
        clock.advance(TIME_UNTIL_READY)
        sent = ssm.send_command(InstanceIds=[instance_id], DocumentName="setup")["Command"]["CommandId"]
        clock.advance(5 * MINUTE)
        (found,) = ssm.list_command_invocations(CommandId=sent, Details=True)["CommandInvocations"]
        first, second = found["CommandPlugins"]
        assert first["ResponseFinishDateTime"] - first["ResponseStartDateTime"] == 2 * MINUTE
        assert first["ResponseFinishDateTime"] == second["ResponseStartDateTime"]
        assert second["ResponseFinishDateTime"] - second["ResponseStartDateTime"] == 2 * MINUTE
        one = ssm.get_command_invocation(CommandId=sent, InstanceId=instance_id, PluginName="second")
        assert one["ExecutionElapsedTime"] == "PT120S"


@pytest.mark.parametrize(("group", "found"), [("/gpudesk/dev", "/gpudesk/dev"), (None, "/aws/ssm/setup")])
def test_requested_logs_are_complete_in_cloudwatch(
    machines: RecordingMachines, ssm: Any, ready: Callable[[], str], group: str | None, found: str
) -> None:
    create_document(ssm, build_document(build_step("install")))
    machines.outcomes["install"] = [(1, "line\n" * 6000, "why")]
    instance_id = ready()
    config = {"CloudWatchOutputEnabled": True, **({"CloudWatchLogGroupName": group} if group else {})}
    arguments = {"InstanceIds": [instance_id], "DocumentName": "setup", "CloudWatchOutputConfig": config}
    sent = ssm.send_command(**arguments)["Command"]["CommandId"]
    one = ssm.get_command_invocation(CommandId=sent, InstanceId=instance_id, PluginName="install")
    assert len(one["StandardOutputContent"]) == 24_000, "the answer of SSM is cut, the log is complete"
    logs = boto3.client("logs", "us-east-1")
    streams = [
        describe_log_stream["logStreamName"]
        for describe_log_stream in logs.describe_log_streams(logGroupName=found)["logStreams"]
    ]
    assert streams == [f"{sent}/{instance_id}/install/stderr", f"{sent}/{instance_id}/install/stdout"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=found, logStreamNames=[streams[1]])
    assert sum(len(page["events"]) for page in pages) == 6000


def test_no_logs_without_request(machines: SimulatedMachines, ssm: Any, ready: Callable[[], str]) -> None:
    create_document(ssm, build_document(build_step("install")))
    machines.outcomes["install"] = [(0, "secretive", "")]
    ssm.send_command(InstanceIds=[ready()], DocumentName="setup")
    assert boto3.client("logs", "us-east-1").describe_log_groups()["logGroups"] == []


def test_agent_is_compared_with_its_contract_through_ssm(
    machines: RecordingMachines, ssm: Any, ready: Callable[[], str]
) -> None:
    run = ContractRun(ssm, ready(), poll_seconds=0)
    (case,) = (case for case in load_contract()["cases"] if case["name"].startswith("onFailure exit skips"))
    machines.outcomes["first"] = [(3, "out\n", "why\n"), (3, "out\n", "other\n")]
    assert run.compare(case) == []
    different = run.compare(case)
    assert len(different) == 2
    assert all("other" in line for line in different), "standard error, and the listed output"
    own = [{"Key": "Owner", "Values": ["Self"]}]
    assert ssm.list_documents(Filters=own)["DocumentIdentifiers"] == []

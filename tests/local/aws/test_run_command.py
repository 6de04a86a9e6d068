import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local.aws.core.faults import Faults
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from local.machines.errors import MachineHalted
from tests.local.aws.conftest import ONCE, TIME_UNTIL_READY, Launch, build_launcher, get_error, run_shell
from tests.local.aws.fakes import TIMEOUT_SECONDS, BlockedMachines, RecordingMachines

MINUTE = timedelta(minutes=1)


def build_step(name: str, **inputs: Any) -> dict[str, Any]:
    return {"action": "aws:runShellScript", "name": name, "inputs": {"runCommand": ["true"], **inputs}}


def build_document(*steps: dict[str, Any], **parameters: dict[str, Any]) -> str:
    return json.dumps({"schemaVersion": "2.2", "parameters": parameters, "mainSteps": steps})


def create_document(ssm: Any, content: str, name: str = "setup") -> None:
    ssm.create_document(Content=content, Name=name, DocumentType="Command")


def get_invocation(ssm: Any, command_id: str, instance_id: str, **arguments: Any) -> dict[str, Any]:
    return dict(ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id, **arguments))


def list_event_statuses(cloud: LocalCloud, kind: str) -> list[str]:
    return [event["detail"]["status"] for event in cloud.log.read_since(0) if event["detail-type"] == kind]


@pytest.mark.parametrize("moment", ["unknown", "pending", "before its agent", "stopping", "terminated"])
def test_command_to_instance_without_registered_agent_is_rejected(
    ec2: Any, ssm: Any, launch: Launch, clock: ManualClock, moment: str
) -> None:
    instance_id = launch() if moment != "unknown" else "i-0123456789abcdef0"
    if moment == "before its agent":
        clock.advance(TIME_UNTIL_READY - timedelta(seconds=1))
    if moment in ("stopping", "terminated"):
        clock.advance(TIME_UNTIL_READY)
        call = ec2.stop_instances if moment == "stopping" else ec2.terminate_instances
        call(InstanceIds=[instance_id])
    if moment == "terminated":
        clock.advance(MINUTE)
    arguments = {"InstanceIds": [instance_id], "DocumentName": "AWS-RunShellScript"}
    arguments["Parameters"] = {"commands": ["true"]}  # type: ignore[assignment]
    assert get_error(ssm.send_command, **arguments) == ("InvalidInstanceId", 400)


def test_command_runs_on_machine_and_is_listed(
    cloud: LocalCloud, machines: RecordingMachines, ssm: Any, ready: Callable[[], str]
) -> None:
    instance_id = ready()
    command_id = run_shell(ssm, instance_id, Comment="attempt-1")
    done = get_invocation(ssm, command_id, instance_id)
    assert (done["Status"], done["ResponseCode"], done["Comment"]) == ("Success", 0, "attempt-1")
    assert done["PluginName"] == "aws:runShellScript"
    assert [where for where, _ in machines.executed_scripts] == [instance_id]
    statuses = list_event_statuses(cloud, "EC2 Command Invocation Status-change Notification")
    assert statuses == ["InProgress", "Success"]
    assert list_event_statuses(cloud, "EC2 Command Status-change Notification") == ["InProgress", "Success"]


def test_unknown_document_is_invalid(ssm: Any, ready: Callable[[], str]) -> None:
    arguments = {"InstanceIds": [ready()], "DocumentName": "no-such-document"}
    assert get_error(ssm.send_command, **arguments) == ("InvalidDocument", 400)


def test_parameters_are_checked_against_document(ssm: Any, ready: Callable[[], str]) -> None:
    name = {"type": "String", "allowedPattern": "^[a-z]+$"}
    create_document(ssm, build_document(build_step("one"), name=name))
    arguments = {"InstanceIds": [ready()], "DocumentName": "setup"}
    for given in ({"name": ["Not this!"]}, {"name": ["fine"], "other": ["?"]}, {}):
        assert get_error(ssm.send_command, **arguments, Parameters=given) == ("InvalidParameters", 400)
    assert ssm.send_command(**arguments, Parameters={"name": ["fine"]})["Command"]["Status"] == "Pending"


def test_document_that_no_agent_can_run_is_not_created(ssm: Any) -> None:
    for content in (
        build_document(),
        build_document({**build_step("one"), "action": "aws:dance"}),
        '{"schemaVersion": "9"}',
    ):
        arguments = {"Content": content, "Name": "setup", "DocumentType": "Command"}
        assert get_error(ssm.create_document, **arguments) == ("InvalidDocumentContent", 400)


def test_default_version_of_document_runs(cloud: LocalCloud, ssm: Any, ready: Callable[[], str]) -> None:
    create_document(ssm, build_document(build_step("one")))
    ssm.update_document(Content=build_document(build_step("two")), Name="setup", DocumentVersion="$LATEST")
    instance_id = ready()

    def steps_of(**arguments: Any) -> list[str]:
        sent = ssm.send_command(InstanceIds=[instance_id], DocumentName="setup", **arguments)["Command"]
        listed = ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)
        return [plugin["Name"] for plugin in listed["CommandInvocations"][0]["CommandPlugins"]]

    assert steps_of() == ["one"]
    assert steps_of(DocumentVersion="$LATEST") == ["two"]
    ssm.update_document_default_version(Name="setup", DocumentVersion="2")
    assert steps_of() == ["two"]
    arguments = {"Content": build_document(), "Name": "setup", "DocumentVersion": "$LATEST"}
    assert get_error(ssm.update_document, **arguments) == ("InvalidDocumentContent", 400)
    assert ssm.describe_document(Name="setup")["Document"]["DefaultVersion"] == "2"
    assert json.loads(ssm.get_document(Name="setup")["Content"])["mainSteps"][0]["name"] == "two"
    ssm.delete_document(Name="setup")
    assert get_error(ssm.get_document, Name="setup")[0] == "InvalidDocument"


def test_documents_of_amazon_exist(ssm: Any) -> None:
    sessions = ("AWS-StartPortForwardingSession", "AWS-StartInteractiveCommand", "AWS-StartNonInteractiveCommand")
    for name in ("AWS-RunShellScript", *sessions):
        described = ssm.describe_document(Name=name)["Document"]
        assert (described["Name"], described["Owner"]) == (name, "Amazon")


def test_session_document_cannot_be_sent_as_command(ssm: Any, ready: Callable[[], str]) -> None:
    arguments = {"InstanceIds": [ready()], "DocumentName": "AWS-StartPortForwardingSession"}
    assert get_error(ssm.send_command, **arguments) == ("InvalidDocument", 400)


def test_step_is_selected_by_plugin_name(ssm: Any, ready: Callable[[], str]) -> None:
    create_document(ssm, build_document(build_step("first"), build_step("second")))
    instance_id = ready()
    sent = ssm.send_command(InstanceIds=[instance_id], DocumentName="setup")["Command"]["CommandId"]
    assert get_invocation(ssm, sent, instance_id)["StandardOutputContent"] == ""
    one = get_invocation(ssm, sent, instance_id, PluginName="first")
    assert (one["PluginName"], one["Status"]) == ("first", "Success")
    wrong = {"CommandId": sent, "InstanceId": instance_id, "PluginName": "third"}
    assert get_error(ssm.get_command_invocation, **wrong) == ("InvalidPluginName", 400)


def test_unknown_invocation_does_not_exist(ssm: Any, ready: Callable[[], str]) -> None:
    instance_id = ready()
    arguments = {"CommandId": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "InstanceId": instance_id}
    assert get_error(ssm.get_command_invocation, **arguments) == ("InvocationDoesNotExist", 400)
    arguments = {"CommandId": run_shell(ssm, instance_id), "InstanceId": "i-0123456789abcdef0"}
    assert get_error(ssm.get_command_invocation, **arguments) == ("InvocationDoesNotExist", 400)


def test_new_invocation_is_hidden_at_first(clock: ManualClock) -> None:
    slow = AwsTiming(invocation_hidden_for=timedelta(seconds=2))
    with in_process_cloud(clock, timing=slow):
        ssm: Any = boto3.client("ssm", "us-east-1", config=ONCE)
        instance_id = build_launcher(boto3.client("ec2", "us-east-1"), ssm)()
        clock.advance(TIME_UNTIL_READY)
        command_id = run_shell(ssm, instance_id)
        arguments = {"CommandId": command_id, "InstanceId": instance_id}
        assert get_error(ssm.get_command_invocation, **arguments) == ("InvocationDoesNotExist", 400)
        assert ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"] == []
        clock.advance(slow.invocation_hidden_for)
        assert get_invocation(ssm, command_id, instance_id)["Status"] == "Success"


def test_document_takes_configured_minimum_time(clock: ManualClock) -> None:
    with in_process_cloud(clock, timing=AwsTiming(min_invocation_for=3 * MINUTE)) as cloud:
        ssm: Any = boto3.client("ssm", "us-east-1", config=ONCE)
        instance_id = build_launcher(boto3.client("ec2", "us-east-1"), ssm)()
        clock.advance(TIME_UNTIL_READY)
        command_id = run_shell(ssm, instance_id)
        clock.advance(2 * MINUTE)
        running = get_invocation(ssm, command_id, instance_id)
        assert (running["Status"], running["ResponseCode"]) == ("InProgress", -1)
        assert running["StandardOutputContent"] == ""
        clock.advance(MINUTE)
        done = get_invocation(ssm, command_id, instance_id)
        assert (done["Status"], done["ExecutionElapsedTime"]) == ("Success", "PT180S")
        assert cloud.log.read_since(0)[-1]["detail"]["status"] == "Success"


def test_commands_are_filtered_by_document_status_and_time(
    ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    first = run_shell(ssm, instance_id)
    clock.advance(MINUTE)
    second = run_shell(ssm, instance_id)

    def listed(key: str, value: str) -> list[str]:
        found = ssm.list_commands(Filters=[{"key": key, "value": value}])
        return [command["CommandId"] for command in found["Commands"]]

    assert listed("DocumentName", "AWS-RunShellScript") == [second, first]
    assert listed("InvokedAfter", "2026-01-05T09:01:00Z") == [second]
    assert listed("InvokedBefore", "2026-01-05T09:01:00Z") == [first]
    assert listed("Status", "Failed") == []
    assert [each["CommandId"] for each in ssm.list_commands(CommandId=first)["Commands"]] == [first]
    arguments = {"Filters": [{"key": "Comment", "value": "attempt-1"}]}
    with pytest.raises(ssm.exceptions.ClientError):
        ssm.list_commands(**arguments)


def test_targets_select_instances_by_tag(ssm: Any, ready: Callable[..., str]) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "vision"}]}]
    tagged = ready(TagSpecifications=tags)
    ready()
    targets = [{"Key": "tag:team", "Values": ["vision"]}]
    arguments = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["true"]}}
    assert ssm.send_command(Targets=targets, **arguments)["Command"]["InstanceIds"] == [tagged]


class TestSlowMachines:
    @pytest.fixture
    def machines(self) -> Iterator[BlockedMachines]:
        machines = BlockedMachines()
        yield machines
        machines.may_end.set()

    @pytest.fixture
    def cloud(self, clock: ManualClock, machines: BlockedMachines) -> Iterator[LocalCloud]:
        with in_process_cloud(clock, machines) as cloud:
            yield cloud
            machines.may_end.set()
            cloud.settle(TIMEOUT_SECONDS)

    def test_output_is_empty_until_end_and_then_cut(
        self, cloud: LocalCloud, machines: BlockedMachines, ssm: Any, ready: Callable[[], str]
    ) -> None:
        instance_id = ready()
        command_id = run_shell(ssm, instance_id)
        assert machines.began.wait(TIMEOUT_SECONDS)
        running = get_invocation(ssm, command_id, instance_id)
        assert (running["Status"], running["StandardOutputContent"]) == ("InProgress", "")
        machines.outcomes["AWS-RunShellScript"] = [(0, "x" * 30_000, "")]
        machines.may_end.set()
        cloud.settle(TIMEOUT_SECONDS)
        done = get_invocation(ssm, command_id, instance_id)
        assert (done["Status"], len(done["StandardOutputContent"])) == ("Success", 24_000)
        listed = ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
        assert len(listed[0]["CommandPlugins"][0]["Output"]) == 2_500

    def test_invocation_on_stopped_machine_is_in_progress_until_time_limit(
        self,
        cloud: LocalCloud,
        machines: BlockedMachines,
        ec2: Any,
        ssm: Any,
        ready: Callable[[], str],
        clock: ManualClock,
    ) -> None:
        create_document(
            ssm, build_document(build_step("one", timeoutSeconds="600"), build_step("two", timeoutSeconds="300"))
        )
        instance_id = ready()
        command_id = ssm.send_command(InstanceIds=[instance_id], DocumentName="setup")["Command"]["CommandId"]
        assert machines.began.wait(TIMEOUT_SECONDS)
        ec2.stop_instances(InstanceIds=[instance_id])
        machines.may_end.set()
        cloud.settle(TIMEOUT_SECONDS)
        clock.advance(timedelta(seconds=899))
        assert get_invocation(ssm, command_id, instance_id)["Status"] == "InProgress"
        clock.advance(timedelta(seconds=1))
        ended = get_invocation(ssm, command_id, instance_id)
        assert (ended["Status"], ended["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")

    def test_running_command_is_cancelled_on_its_machine(
        self, cloud: LocalCloud, machines: BlockedMachines, ssm: Any, ready: Callable[[], str]
    ) -> None:
        instance_id = ready()
        command_id = run_shell(ssm, instance_id)
        assert machines.began.wait(TIMEOUT_SECONDS)
        ssm.cancel_command(CommandId=command_id)
        cloud.settle(TIMEOUT_SECONDS)
        assert get_invocation(ssm, command_id, instance_id)["Status"] == "Cancelled"
        statuses = list_event_statuses(cloud, "EC2 Command Invocation Status-change Notification")
        assert statuses == ["InProgress", "Cancelled"]

    def test_settle_raises_if_document_does_not_end(
        self, cloud: LocalCloud, ssm: Any, ready: Callable[[], str]
    ) -> None:
        run_shell(ssm, ready())
        with pytest.raises(TimeoutError, match="AWS-RunShellScript"):
            cloud.settle(0.01)


def test_command_to_silent_agent_is_never_delivered(
    cloud: LocalCloud, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    cloud.agents.silence(instance_id)
    command_id = run_shell(ssm, instance_id, TimeoutSeconds=60)
    assert get_invocation(ssm, command_id, instance_id)["Status"] == "Pending"
    clock.advance(MINUTE)
    ended = get_invocation(ssm, command_id, instance_id)
    assert (ended["Status"], ended["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")


def test_waiting_command_is_cancelled_at_once(cloud: LocalCloud, ssm: Any, ready: Callable[[], str]) -> None:
    instance_id = ready()
    cloud.agents.silence(instance_id)
    command_id = run_shell(ssm, instance_id)
    ssm.cancel_command(CommandId=command_id, InstanceIds=[instance_id])
    cloud.agents.unsilence(instance_id)
    assert get_invocation(ssm, command_id, instance_id)["Status"] == "Cancelled"
    assert get_error(ssm.cancel_command, CommandId="x" * 36) == ("InvalidCommandId", 400)


def describe_steps(ssm: Any, command_id: str) -> list[tuple[str, str, str]]:
    """Return name, status and output of each step, as ListCommandInvocations shows them."""
    (found,) = ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
    return [(plugin["Name"], plugin["Status"], plugin["Output"]) for plugin in found["CommandPlugins"]]


class TestMachineThatGoesDown:
    @pytest.fixture
    def command(self, machines: RecordingMachines, ssm: Any, ready: Callable[[], str]) -> tuple[str, str]:
        """Return instance and command of a document during whose second step the machine reboots."""
        create_document(ssm, build_document(build_step("one"), build_step("two"), build_step("three")))
        machines.outcomes = {"two": [MachineHalted("rebooted")]}
        instance_id = ready()
        sent = ssm.send_command(InstanceIds=[instance_id], DocumentName="setup")["Command"]["CommandId"]
        return instance_id, sent

    def test_document_fails_one_minute_after_agent_is_back_and_first_step_is_blamed(
        self, ssm: Any, command: tuple[str, str], clock: ManualClock, machines: RecordingMachines
    ) -> None:
        instance_id, sent = command
        clock.advance(timedelta(seconds=25 + 59))
        assert get_invocation(ssm, sent, instance_id)["Status"] == "InProgress"
        clock.advance(timedelta(seconds=1))
        first, *others = describe_steps(ssm, sent)
        assert first[:2] == ("one", "Failed")
        assert first[2].startswith("document process failed unexpectedly: ipc messaging received timeout signal")
        assert [output for _, _, output in others] == ["", ""]
        assert [script.step for _, script in machines.executed_scripts] == ["one", "two"]

    def test_document_stays_in_progress_while_instance_is_stopped(
        self, ec2: Any, ssm: Any, command: tuple[str, str], clock: ManualClock
    ) -> None:
        instance_id, sent = command
        ec2.stop_instances(InstanceIds=[instance_id])
        clock.advance(30 * MINUTE)
        assert get_invocation(ssm, sent, instance_id)["Status"] == "InProgress"
        ec2.start_instances(InstanceIds=[instance_id])
        clock.advance(TIME_UNTIL_READY + MINUTE)
        assert get_invocation(ssm, sent, instance_id)["Status"] == "Failed"


def test_reboot_of_a_step_takes_one_minute_and_the_return_of_the_agent(
    machines: RecordingMachines, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    machines.outcomes = {"AWS-RunShellScript": [(194, "", ""), (0, "", "")]}
    command_id = run_shell(ssm, instance_id)
    clock.advance(timedelta(seconds=60 + 24))
    assert get_invocation(ssm, command_id, instance_id)["Status"] == "InProgress"
    clock.advance(timedelta(seconds=1))
    assert get_invocation(ssm, command_id, instance_id)["Status"] == "Success"


def test_snap_refresh_takes_agent_away_and_loses_document(
    cloud: LocalCloud, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    cloud.faults.refresh_snap()
    command_id = run_shell(ssm, instance_id)
    assert get_error(ssm.start_session, Target=instance_id) == ("TargetNotConnected", 400)
    clock.advance(3 * MINUTE)
    assert ssm.start_session(Target=instance_id)["SessionId"]
    assert get_invocation(ssm, run_shell(ssm, instance_id), instance_id)["Status"] == "Success"
    clock.advance(56 * MINUTE)
    assert get_invocation(ssm, command_id, instance_id)["Status"] == "InProgress"
    clock.advance(MINUTE)
    lost = get_invocation(ssm, command_id, instance_id)
    assert (lost["StatusDetails"], lost["ResponseCode"]) == ("ExecutionTimedOut", -1)


def test_document_that_always_reboots_is_in_progress_until_its_time_limit(
    machines: RecordingMachines, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    machines.outcomes = {"AWS-RunShellScript": [(194, "", "")] * 15}
    command_id = run_shell(ssm, instance_id)
    clock.advance(59 * MINUTE)
    assert get_invocation(ssm, command_id, instance_id)["Status"] == "InProgress"
    clock.advance(MINUTE)
    assert get_invocation(ssm, command_id, instance_id)["StatusDetails"] == "ExecutionTimedOut"


@pytest.mark.parametrize(
    ("inject", "details"),
    [(Faults.make_undeliverable, "Undeliverable"), (Faults.terminate_commands, "Terminated")],
)
def test_command_that_agent_does_not_take_runs_nothing(
    cloud: LocalCloud,
    machines: RecordingMachines,
    ssm: Any,
    ready: Callable[[], str],
    inject: Callable[[Faults], None],
    details: str,
) -> None:
    instance_id = ready()
    inject(cloud.faults)
    ended = get_invocation(ssm, run_shell(ssm, instance_id), instance_id)
    assert (ended["Status"], ended["StatusDetails"], ended["ResponseCode"]) == ("Failed", details, -1)
    assert machines.executed_scripts == []

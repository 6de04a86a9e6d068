from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto.ec2.models.instances import Instance
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from tests.local.aws.conftest import Launch, build_launcher, describe_instance, get_error, get_state
from tests.local.aws.fakes import RecordingMachines

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def test_launched_instance_is_pending_then_running(
    machines: RecordingMachines, ec2: Any, launch: Launch, clock: ManualClock
) -> None:
    instance_id = launch()
    clock.advance(7 * SECOND)
    assert get_state(ec2, instance_id) == "pending"
    assert machines.calls == []
    clock.advance(SECOND)
    assert get_state(ec2, instance_id) == "running"
    assert machines.calls == ["create", "boot"]


def test_stop_takes_time_and_sets_state_reason(
    machines: RecordingMachines, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    answer = ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "stopping")
    assert get_state(ec2, instance_id) == "stopping"
    assert machines.calls == ["create", "boot", "halt"]
    clock.advance(30 * SECOND)
    stopped = describe_instance(ec2, instance_id)
    assert stopped["State"]["Name"] == "stopped"
    assert stopped["StateTransitionReason"] == "User initiated (2026-01-05 09:00:33 GMT)"
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_start_renews_launch_time_and_boots_same_disk(
    machines: RecordingMachines, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    first = describe_instance(ec2, instance_id)["LaunchTime"]
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(MINUTE)
    ec2.start_instances(InstanceIds=[instance_id])
    assert get_state(ec2, instance_id) == "pending"
    clock.advance(MINUTE)
    assert describe_instance(ec2, instance_id)["LaunchTime"] - first == MINUTE + 33 * SECOND
    assert machines.calls == ["create", "boot", "halt", "boot"]
    assert describe_instance(ec2, instance_id)["StateTransitionReason"] == ""


def test_terminated_instance_is_visible_for_one_hour(
    machines: RecordingMachines, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert get_state(ec2, instance_id) == "shutting-down"
    clock.advance(30 * SECOND)
    assert get_state(ec2, instance_id) == "terminated"
    assert machines.calls == ["create", "boot", "halt", "destroy"]
    clock.advance(timedelta(hours=1))
    assert get_error(ec2.describe_instances, InstanceIds=[instance_id])[0] == "InvalidInstanceID.NotFound"


def test_transitions_happen_in_order_after_clock_jump(cloud: LocalCloud, launch: Launch, clock: ManualClock) -> None:
    first = launch()
    clock.advance(5 * SECOND)
    second = launch()
    clock.advance(MINUTE)
    cloud.tick()
    changes = [(event["time"][-4:-1], event["detail"]["instance-id"]) for event in cloud.log.read_since(0)]
    assert changes == [(":00", first), (":05", second), (":08", first), (":13", second)]


@pytest.mark.parametrize(
    ("operation", "before"),
    [
        ("start_instances", "terminated"),
        ("stop_instances", "terminated"),
        ("stop_instances", "pending"),
        ("start_instances", "stopping"),
        ("reboot_instances", "stopping"),
    ],
)
def test_call_not_allowed_in_state_is_rejected(
    ec2: Any, launch: Launch, clock: ManualClock, operation: str, before: str
) -> None:
    instance_id = launch()
    if before != "pending":
        clock.advance(MINUTE)
    if before == "stopping":
        ec2.stop_instances(InstanceIds=[instance_id])
    if before == "terminated":
        ec2.terminate_instances(InstanceIds=[instance_id])
        clock.advance(MINUTE)
    call = getattr(ec2, operation)
    assert get_error(call, InstanceIds=[instance_id]) == ("IncorrectInstanceState", 400)
    assert get_state(ec2, instance_id) == before


@pytest.mark.parametrize("operation", ["stop_instances", "terminate_instances"])
def test_repeated_call_changes_nothing(ec2: Any, ready: Callable[[], str], operation: str) -> None:
    ids = [ready()]
    call = getattr(ec2, operation)
    call(InstanceIds=ids)
    between = get_state(ec2, ids[0])
    call(InstanceIds=ids)
    assert get_state(ec2, ids[0]) == between


def test_stop_can_be_acknowledged_without_effect(
    cloud: LocalCloud, ec2: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    cloud.faults.acknowledge_only("StopInstances")
    answer = ec2.stop_instances(InstanceIds=[instance_id])
    assert answer["StoppingInstances"][0]["CurrentState"]["Name"] == "stopping"
    clock.advance(MINUTE)
    assert get_state(ec2, instance_id) == "running"
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(MINUTE)
    assert get_state(ec2, instance_id) == "stopped"


@pytest.mark.parametrize(("timing", "becomes"), [("stop", "stopped"), ("terminate", "terminated")])
def test_power_off_follows_shutdown_behavior(
    cloud: LocalCloud,
    ec2: Any,
    ready: Callable[..., str],
    clock: ManualClock,
    timing: str,
    becomes: str,
) -> None:
    instance_id = ready(InstanceInitiatedShutdownBehavior=timing)
    describe_instance(ec2, instance_id)
    cloud.record_power_off(instance_id)
    cloud.tick()
    clock.advance(MINUTE)
    off = describe_instance(ec2, instance_id)
    assert off["State"]["Name"] == becomes
    assert off["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_power_off_of_unknown_instance_is_ignored(cloud: LocalCloud) -> None:
    cloud.record_power_off("i-0123456789abcdef0")
    cloud.tick()


def test_instant_timing_behaves_like_plain_moto() -> None:
    with in_process_cloud(timing=AwsTiming.instant()):
        ec2: Any = boto3.client("ec2", "us-east-1")
        ssm: Any = boto3.client("ssm", "us-east-1")
        instance_id = build_launcher(ec2, ssm)()
        assert get_state(ec2, instance_id) == "running"
        ec2.stop_instances(InstanceIds=[instance_id])
        assert get_state(ec2, instance_id) == "stopped"
        ec2.terminate_instances(InstanceIds=[instance_id])
        assert get_state(ec2, instance_id) == "terminated"
        sent = ssm.send_command(InstanceIds=["i-1"], DocumentName="AWS-RunShellScript")
        invocation = ssm.get_command_invocation(CommandId=sent["Command"]["CommandId"], InstanceId="i-1")
        assert invocation["Status"] == "Success"


def test_two_local_clouds_cannot_extend_moto_at_once(cloud: LocalCloud) -> None:
    with pytest.raises(RuntimeError, match="Another local cloud"):
        LocalCloud(cloud.clock, cloud.machines).install()


def test_uninstall_restores_moto() -> None:
    before = Instance.stop, vars(SimpleSystemManagerResponse).copy()
    assert not hasattr(SimpleSystemManagerResponse, "start_session")
    with in_process_cloud():
        assert Instance.stop is not before[0]
        assert hasattr(SimpleSystemManagerResponse, "start_session")
    assert (Instance.stop, vars(SimpleSystemManagerResponse).copy()) == before


def test_type_of_a_stopped_instance_can_be_changed(
    cloud: LocalCloud, ec2: Any, launch: Launch, clock: ManualClock, machines: RecordingMachines
) -> None:
    instance_id = launch()
    change = {"InstanceId": instance_id, "InstanceType": {"Value": "g4dn.12xlarge"}}
    clock.advance(timedelta(minutes=1))
    assert get_error(ec2.modify_instance_attribute, **change) == ("IncorrectInstanceState", 400)
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(timedelta(minutes=3))
    unknown = {**change, "InstanceType": {"Value": "g4dn.huge"}}
    assert get_error(ec2.modify_instance_attribute, **unknown) == ("InvalidInstanceAttributeValue", 400)
    ec2.modify_instance_attribute(**change)
    ec2.start_instances(InstanceIds=[instance_id])
    clock.advance(timedelta(minutes=1))
    assert describe_instance(ec2, instance_id)["InstanceType"] == "g4dn.12xlarge"
    assert machines.get_gpu_utilization(instance_id) == (0, 0, 0, 0)


def test_type_of_another_architecture_than_the_ami_is_refused_at_the_start(
    ec2: Any, launch: Launch, clock: ManualClock
) -> None:
    instance_id = launch(InstanceType="g4dn.xlarge")
    clock.advance(timedelta(minutes=1))
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(timedelta(minutes=3))
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "g5g.xlarge"})
    assert get_error(ec2.start_instances, InstanceIds=[instance_id]) == ("InvalidParameterValue", 400)
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "g4dn.2xlarge"})
    ec2.start_instances(InstanceIds=[instance_id])

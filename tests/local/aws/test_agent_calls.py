"""What the role of an instance must allow so that its agent connects, serves sessions and writes logs."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from tests.local.aws.conftest import get_error, run_shell
from tests.support.machine_profile import NAME, POLICY
from tests.support.world import World, get_ec2_id, open_world

Ready = Callable[..., str]
GROUP = "/gpudesk/dev/instances"


@pytest.fixture
def desk() -> Iterator[World]:
    """gpudesk with the policies that it deploys."""
    with open_world() as made:
        yield made


def deny(*actions: str) -> None:
    """Take actions from the role of the instances that tests launch."""
    statement = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
    document: Mapping[str, Any] = {**POLICY, "Statement": [*POLICY["Statement"], statement]}
    boto3.client("iam").put_role_policy(RoleName=NAME, PolicyName=NAME, PolicyDocument=json.dumps(document))


def list_agents(ssm: Any) -> list[str]:
    return [agent["InstanceId"] for agent in ssm.describe_instance_information()["InstanceInformationList"]]


def test_agent_of_an_instance_without_a_role_never_registers(ssm: Any, ready: Ready) -> None:
    instance_id = ready(IamInstanceProfile={})
    assert list_agents(ssm) == []
    assert get_error(run_shell, ssm=ssm, instance_id=instance_id)[0] == "InvalidInstanceId"


@pytest.mark.parametrize("action", ["ssm:UpdateInstanceInformation", "ssmmessages:OpenControlChannel"])
def test_agent_whose_role_lacks_a_permission_never_registers(
    cloud: LocalCloud, ssm: Any, ready: Ready, action: str
) -> None:
    first = ready()
    assert list_agents(ssm) == [first]
    deny(action)
    ready()
    assert list_agents(ssm) == [first]
    assert f"not authorized to perform: {action} on resource" in cloud.enforcement.denials[0]


def test_log_group_that_the_role_may_not_write_to_stays_empty(ssm: Any, ready: Ready) -> None:
    logs, instance_id = boto3.client("logs", "us-east-1"), ready()
    logs.create_log_group(logGroupName=GROUP)
    deny("logs:CreateLogStream")
    arguments = {"CloudWatchOutputConfig": {"CloudWatchOutputEnabled": True, "CloudWatchLogGroupName": GROUP}}
    command_id = run_shell(ssm, instance_id, Parameters={"commands": ["echo x"]}, **arguments)
    ssm.describe_instance_information()
    assert ssm.list_commands(CommandId=command_id)["Commands"]
    assert logs.describe_log_streams(logGroupName=GROUP)["logStreams"] == []


def test_deployed_policy_lets_agents_work_without_control_channels(desk: World) -> None:
    desk.cloud.agents.calls.has_control_channels = False
    instance = desk.launch_until_ready()
    session = {"Target": get_ec2_id(instance), "DocumentName": "gpudesk-dev-shell"}
    assert get_error(boto3.client("ssm", "us-east-1").start_session, **session)[0] == "TargetNotConnected"


@pytest.mark.parametrize(("denied", "is_served"), [("ssmmessages:CreateDataChannel", False), ("s3:GetObject", True)])
def test_session_is_served_if_the_role_lets_the_agent(
    cloud: LocalCloud, ssm: Any, ready: Ready, clock: ManualClock, denied: str, is_served: bool
) -> None:
    instance_id = ready()
    clock.advance(cloud.timing.session_ready_after)
    deny(denied)
    ssm.start_session(Target=instance_id)
    (session,) = cloud.sessions.started.values()
    assert session.is_served is is_served

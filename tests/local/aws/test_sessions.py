from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.clock import ManualClock
from tests.local.aws.conftest import TIME_UNTIL_READY, Launch, build_launcher, get_error
from tests.local.aws.fakes import PortMachines

JUPYTER = {"portNumber": ["8888"], "localPortNumber": ["8889"]}


@pytest.fixture
def machines() -> PortMachines:
    return PortMachines()


def open_port(ssm: Any, instance_id: str, **parameters: list[str]) -> dict[str, Any]:
    arguments = {"Target": instance_id, "DocumentName": "AWS-StartPortForwardingSession"}
    return dict(ssm.start_session(**arguments, Parameters=parameters or JUPYTER))


def test_port_session_forwards_port(
    cloud: LocalCloud, machines: PortMachines, ssm: Any, ready: Callable[[], str]
) -> None:
    session = open_port(ssm, ready())
    assert session["SessionId"]
    assert session["TokenValue"]
    assert session["StreamUrl"].startswith("wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/")
    (forwarding,) = machines.forwardings
    assert (forwarding.remote_port, forwarding.local_port) == (8888, 8889)
    assert cloud.sessions.started[session["SessionId"]].local_port == 8889


def test_session_needs_agent(ssm: Any, launch: Launch) -> None:
    for target in (launch(), "i-0123456789abcdef0"):
        assert get_error(ssm.start_session, Target=target) == ("TargetNotConnected", 400)


def test_stopped_instance_is_not_connected_although_agent_looks_online(
    ec2: Any, ssm: Any, ready: Callable[[], str]
) -> None:
    instance_id = ready()
    ec2.stop_instances(InstanceIds=[instance_id])
    assert ssm.describe_instance_information()["InstanceInformationList"][0]["PingStatus"] == "Online"
    assert get_error(ssm.start_session, Target=instance_id) == ("TargetNotConnected", 400)


@pytest.mark.parametrize("call", ["start_instances", "reboot_instances"])
def test_instance_that_has_just_booted_is_not_connected_although_agent_looks_online(
    ec2: Any, ssm: Any, ready: Callable[[], str], clock: ManualClock, call: str
) -> None:
    instance_id = ready()
    if call == "start_instances":
        ec2.stop_instances(InstanceIds=[instance_id])
        clock.advance(timedelta(minutes=1))
    getattr(ec2, call)(InstanceIds=[instance_id])
    clock.advance(timedelta(seconds=24 if call == "reboot_instances" else 8 + 24))
    assert ssm.describe_instance_information()["InstanceInformationList"][0]["PingStatus"] == "Online"
    assert get_error(ssm.start_session, Target=instance_id) == ("TargetNotConnected", 400)
    clock.advance(timedelta(seconds=1))
    assert ssm.start_session(Target=instance_id)["SessionId"]


def test_used_port_is_rejected(machines: PortMachines, ssm: Any, ready: Callable[[], str]) -> None:
    machines.taken_ports.add(8889)
    with pytest.raises(
        ssm.exceptions.ClientError, match=r"Port 8889 of this computer is in use\. Send another local_port"
    ) as refused:
        open_port(ssm, ready())
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_invalid_port_is_rejected(ssm: Any, ready: Callable[[], str], port: str) -> None:
    arguments = {"Target": ready(), "DocumentName": "AWS-StartPortForwardingSession"}
    refused = get_error(ssm.start_session, **arguments, Parameters={"portNumber": [port]})
    assert refused == ("InvalidParameters", 400)


def test_shell_session_returns_only_ids(
    cloud: LocalCloud, machines: PortMachines, ssm: Any, ready: Callable[[], str]
) -> None:
    instance_id = ready()
    shells = [
        ssm.start_session(Target=instance_id),
        ssm.start_session(
            Target=instance_id, DocumentName="AWS-StartInteractiveCommand", Parameters={"command": ["top"]}
        ),
    ]
    assert [cloud.sessions.started[shell["SessionId"]].local_port for shell in shells] == [None, None]
    assert machines.forwardings == []
    arguments = {"Target": instance_id, "DocumentName": "no-such-document"}
    assert get_error(ssm.start_session, **arguments) == ("InvalidDocument", 400)


def test_session_is_listed_until_terminated(machines: PortMachines, ssm: Any, ready: Callable[[], str]) -> None:
    instance_id = ready()
    session_id = open_port(ssm, instance_id)["SessionId"]
    (listed,) = ssm.describe_sessions(State="Active")["Sessions"]
    assert (listed["SessionId"], listed["Target"], listed["Status"]) == (session_id, instance_id, "Connected")
    ssm.terminate_session(SessionId=session_id)
    assert machines.forwardings[0].is_closed
    assert ssm.describe_sessions(State="Active")["Sessions"] == []
    assert [
        describe_session["SessionId"] for describe_session in ssm.describe_sessions(State="History")["Sessions"]
    ] == [session_id]
    assert get_error(ssm.terminate_session, SessionId="x")[0] == "DoesNotExistException"


def test_stop_ends_only_sessions_of_its_instance(
    machines: PortMachines, ec2: Any, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    stopped, other = ready(), ready()
    open_port(ssm, stopped)
    open_port(ssm, other, portNumber=["8888"])
    ec2.stop_instances(InstanceIds=[stopped])
    clock.advance(timedelta(minutes=1))
    assert [forwarding.is_closed for forwarding in machines.forwardings] == [True, False]


def test_uninstall_closes_all_ports(clock: ManualClock) -> None:
    machines = PortMachines()
    with in_process_cloud(clock, machines):
        ssm: Any = boto3.client("ssm", "us-east-1")
        instance_id = build_launcher(boto3.client("ec2", "us-east-1"), ssm)()
        clock.advance(TIME_UNTIL_READY)
        open_port(ssm, instance_id)
    assert machines.forwardings[0].is_closed

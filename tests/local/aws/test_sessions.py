from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.clock import ManualClock
from tests.local.aws.conftest import Launch, get_error

JUPYTER = {"portNumber": ["8888"], "localPortNumber": ["8889"]}


SESSION_READY_AFTER = timedelta(seconds=5)


@pytest.fixture
def connected(ready: Callable[[], str], clock: ManualClock) -> Callable[[], str]:
    """Return a function that launches an instance and waits until Session Manager knows its agent."""

    def launch_and_wait() -> str:
        instance_id = ready()
        clock.advance(SESSION_READY_AFTER)
        return instance_id

    return launch_and_wait


def open_port(ssm: Any, instance_id: str, **parameters: list[str]) -> dict[str, Any]:
    arguments = {"Target": instance_id, "DocumentName": "AWS-StartPortForwardingSession"}
    return dict(ssm.start_session(**arguments, Parameters=parameters or JUPYTER))


def test_port_session_returns_what_the_plugin_needs(ssm: Any, connected: Callable[[], str]) -> None:
    session = open_port(ssm, connected())
    assert session["SessionId"]
    assert session["TokenValue"]
    assert session["StreamUrl"].startswith("wss://ssmmessages.us-east-1.amazonaws.com/v1/data-channel/")


def test_agent_that_has_just_registered_is_not_connected_for_sessions(
    ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    assert ssm.describe_instance_information()["InstanceInformationList"][0]["PingStatus"] == "Online"
    assert get_error(ssm.start_session, Target=instance_id) == ("TargetNotConnected", 400)
    clock.advance(SESSION_READY_AFTER)
    open_port(ssm, instance_id)


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
    clock.advance(timedelta(seconds=29 if call == "reboot_instances" else 8 + 29))
    assert ssm.describe_instance_information()["InstanceInformationList"][0]["PingStatus"] == "Online"
    assert get_error(ssm.start_session, Target=instance_id) == ("TargetNotConnected", 400)
    clock.advance(timedelta(seconds=1))
    assert ssm.start_session(Target=instance_id)["SessionId"]


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_invalid_port_is_rejected(ssm: Any, connected: Callable[[], str], port: str) -> None:
    arguments = {"Target": connected(), "DocumentName": "AWS-StartPortForwardingSession"}
    refused = get_error(ssm.start_session, **arguments, Parameters={"portNumber": [port]})
    assert refused == ("InvalidParameters", 400)


def test_unknown_document_is_rejected(ssm: Any, connected: Callable[[], str]) -> None:
    arguments = {"Target": connected(), "DocumentName": "no-such-document"}
    assert get_error(ssm.start_session, **arguments) == ("InvalidDocument", 400)


def test_session_is_listed_until_terminated(ssm: Any, connected: Callable[[], str]) -> None:
    instance_id = connected()
    session_id, other_id = (open_port(ssm, instance_id)["SessionId"] for _ in range(2))
    only = [{"key": "SessionId", "value": session_id}]
    (listed,) = ssm.describe_sessions(State="Active", Filters=only)["Sessions"]
    assert (listed["SessionId"], listed["Target"], listed["Status"]) == (session_id, instance_id, "Connected")
    ssm.terminate_session(SessionId=session_id)
    assert [each["SessionId"] for each in ssm.describe_sessions(State="Active")["Sessions"]] == [other_id]
    assert [each["SessionId"] for each in ssm.describe_sessions(State="History")["Sessions"]] == [session_id]
    for wrong in ("x", session_id):
        assert get_error(ssm.resume_session, SessionId=wrong)[0] == "DoesNotExistException"
    assert get_error(ssm.terminate_session, SessionId="x")[0] == "DoesNotExistException"


def test_stop_ends_only_sessions_of_its_instance(
    ec2: Any, ssm: Any, connected: Callable[[], str], clock: ManualClock
) -> None:
    stopped, other = connected(), connected()
    open_port(ssm, stopped)
    kept = open_port(ssm, other, portNumber=["8888"])["SessionId"]
    ec2.stop_instances(InstanceIds=[stopped])
    clock.advance(timedelta(minutes=1))
    assert [each["SessionId"] for each in ssm.describe_sessions(State="Active")["Sessions"]] == [kept]

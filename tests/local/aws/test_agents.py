from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from tests.local.aws.conftest import Launch, get_error, run_shell

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def list_agents(ssm: Any, **arguments: Any) -> list[dict[str, Any]]:
    return list(ssm.describe_instance_information(**arguments)["InstanceInformationList"])


def test_agent_registers_some_time_after_boot(ssm: Any, launch: Launch, clock: ManualClock) -> None:
    instance_id = launch()
    clock.advance(32 * SECOND)
    assert list_agents(ssm) == []
    clock.advance(SECOND)
    (agent,) = list_agents(ssm)
    assert (agent["InstanceId"], agent["PingStatus"]) == (instance_id, "Online")
    assert (agent["PlatformType"], agent["PlatformName"]) == ("Linux", "Ubuntu")
    assert agent["LastPingDateTime"] == clock.now()


def test_agent_pings_every_5_minutes(ssm: Any, ready: Callable[[], str], clock: ManualClock) -> None:
    ready()
    first = list_agents(ssm)[0]["LastPingDateTime"]
    clock.advance(14 * MINUTE)
    assert list_agents(ssm)[0]["LastPingDateTime"] - first == 10 * MINUTE


def test_stopped_instance_looks_online_until_ping_is_old(
    ec2: Any, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    registered = list_agents(ssm)[0]["LastPingDateTime"]
    clock.advance(MINUTE)
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(9 * MINUTE)
    assert list_agents(ssm)[0]["PingStatus"] == "Online"
    assert list_agents(ssm)[0]["LastPingDateTime"] == registered
    clock.advance(MINUTE)
    assert list_agents(ssm)[0]["PingStatus"] == "ConnectionLost"


def test_after_start_only_new_ping_shows_that_agent_is_online(
    ec2: Any, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(MINUTE)
    ec2.start_instances(InstanceIds=[instance_id])
    started = clock.now()
    clock.advance(32 * SECOND)
    (agent,) = list_agents(ssm)
    assert (agent["PingStatus"], agent["LastPingDateTime"] < started) == ("Online", True)
    clock.advance(SECOND)
    assert list_agents(ssm)[0]["LastPingDateTime"] == started + 33 * SECOND


def test_agents_are_found_by_id_and_tag(ssm: Any, ready: Callable[..., str]) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "gpudesk:id", "Value": "gd-1"}]}]
    tagged, other = ready(TagSpecifications=tags), ready()
    by_tag = [{"Key": "tag:gpudesk:id", "Values": ["gd-1"]}]
    by_id = [{"Key": "InstanceIds", "Values": [other]}]
    assert [agent["InstanceId"] for agent in list_agents(ssm, Filters=by_tag)] == [tagged]
    assert [agent["InstanceId"] for agent in list_agents(ssm, Filters=by_id)] == [other]


def test_page_holds_at_most_50_agents(ssm: Any, ready: Callable[..., str]) -> None:
    for _ in range(51):
        ready()
    assert get_error(ssm.describe_instance_information, MaxResults=51) == ("ValidationException", 400)
    first = ssm.describe_instance_information()
    rest = ssm.describe_instance_information(NextToken=first["NextToken"])
    pages = [len(page["InstanceInformationList"]) for page in (first, rest)]
    assert pages == [50, 1]
    assert "NextToken" not in rest


def test_silent_agent_never_registers_and_rejects_commands(
    cloud: LocalCloud, ssm: Any, ready: Callable[[], str]
) -> None:
    cloud.agents.silence()
    instance_id = ready()
    assert list_agents(ssm) == []
    with pytest.raises(ssm.exceptions.InvalidInstanceId):
        run_shell(ssm, instance_id)
    cloud.agents.unsilence()
    assert len(list_agents(ssm)) == 1


def test_silenced_agent_loses_connection_and_regains_it(
    cloud: LocalCloud, ssm: Any, ready: Callable[[], str], clock: ManualClock
) -> None:
    instance_id = ready()
    list_agents(ssm)
    cloud.agents.silence(instance_id)
    clock.advance(11 * MINUTE)
    assert list_agents(ssm)[0]["PingStatus"] == "ConnectionLost"
    cloud.agents.unsilence(instance_id)
    assert list_agents(ssm)[0]["PingStatus"] == "Online"


def test_silence_without_id_affects_only_new_instances(cloud: LocalCloud, ssm: Any, ready: Callable[[], str]) -> None:
    old = ready()
    cloud.agents.silence()
    ready()
    assert [agent["InstanceId"] for agent in list_agents(ssm)] == [old]

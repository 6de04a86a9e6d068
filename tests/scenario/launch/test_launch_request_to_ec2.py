"""Scenario tests of the launched EC2 instance: encrypted, without inbound access, tagged; and of refused requests."""

from typing import Any

import boto3
import pytest

from chalicelib.domain.common.errors import ValidationFailed
from tests.support.world import World, get_ec2_id


def describe_instance(desk: World, instance_id: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(
        desk.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    )
    return found


def test_instance_has_no_inbound_access_and_no_key_pair(desk: World) -> None:
    instance = desk.launch_until_ready(gpu="T4", project="vision", tags={"team": "blue"}, name="my-gpu")
    found = describe_instance(desk, get_ec2_id(instance))
    assert found["MetadataOptions"]["HttpTokens"] == "required"
    assert "KeyName" not in found
    assert found["IamInstanceProfile"]["Arn"].endswith("/gpudesk-instance")
    groups = found["NetworkInterfaces"][0]["Groups"]
    group = desk.ec2.describe_security_groups(GroupIds=[each["GroupId"] for each in groups])["SecurityGroups"][0]
    assert group["GroupName"] == "gpudesk"
    assert group["IpPermissions"] == []
    timing = desk.ec2.describe_instance_attribute(
        InstanceId=get_ec2_id(instance), Attribute="instanceInitiatedShutdownBehavior"
    )
    assert timing["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def test_instance_has_one_encrypted_gp3_disk_of_64_gib(desk: World) -> None:
    instance = desk.launch_until_ready()
    volumes = desk.ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [get_ec2_id(instance)]}])[
        "Volumes"
    ]
    assert [(v["VolumeType"], v["Encrypted"], v["Size"]) for v in volumes] == [("gp3", True, 64)]


def test_disk_smaller_than_the_ami_grows_to_the_size_of_the_ami(desk: World) -> None:
    instance = desk.launch_until_ready(disk_gib=8)
    assert instance.launch.attempt is not None
    assert instance.launch.attempt.disk_gib >= 35


def test_instance_volumes_and_network_interface_carry_the_tags(desk: World) -> None:
    instance = desk.launch_until_ready(project="vision", tags={"team": "blue"}, name="my-gpu")
    expected = {
        "Name": "my-gpu",
        "gpudesk:id": instance.id,
        "gpudesk:owner": "ada",
        "gpudesk:stage": "dev",
        "project": "vision",
        "team": "blue",
    }
    found = describe_instance(desk, get_ec2_id(instance))
    resources = [
        get_ec2_id(instance),
        found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"],
        found["NetworkInterfaces"][0]["NetworkInterfaceId"],
    ]
    for resource in resources:
        tags = desk.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource]}])["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == expected


def test_heartbeat_item_exists_before_the_probe_is_installed(desk: World) -> None:
    instance = desk.launch()
    desk.pass_minutes(2)
    key = f"{desk.application.settings.instance_role_id}:{get_ec2_id(desk.load(instance))}"
    table = boto3.resource("dynamodb", "us-east-1").Table("gpudesk-heartbeats")
    assert table.get_item(Key={"id": key})["Item"]["id"] == key


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"gpu": "T5"}, "gpu", "T4"),
        ({"gpu": "T4", "gpu_count": 3}, "gpu_count", "1, 4"),
        ({"instance_type": "g4dn.xlrage"}, "instance_type", "g4dn.xlarge"),
        ({"instance_type": "p2.xlarge"}, "instance_type", ""),
        ({"gpu": "T4", "market": "spot"}, "market", "not supported"),
        ({"gpu": "T4", "region": "us-east-9"}, "region", "us-east-1"),
        ({"gpu": "T4", "recipe": "tensorflow"}, "recipe", "jupyter"),
        ({"gpu": "T4", "disk_gib": 4}, "disk_gib", "8 to 2048"),
        ({"gpu": "T4", "name": "My GPU"}, "name", "lower-case"),
        ({"gpu": "T4", "tags": {"gpudesk:owner": "eve"}}, "tags.gpudesk:owner", "another key"),
        ({"gpu": "T4", "idle_minutes": 2}, "idle_policy.idle_minutes", "3 (three samples) to 240"),
        (
            {"gpu": "T4", "idle_minutes": 10, "warning_minutes": 20},
            "idle_policy.warning_minutes",
            "at most idle_minutes (10), not 20",
        ),
        ({"gpu": "T4", "max_hours": 1000}, "max_hours", "1 to 72"),
    ],
)
def test_invalid_launch_is_refused_with_accepted_values(
    desk: World, fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        desk.launch(**fields)
    assert field in [error.field for error in refusal.value.errors]
    assert any(words in error.message for error in refusal.value.errors)

"""Scenario tests of the launched EC2 instance: encrypted, without inbound access, and tagged."""

from typing import Any

import boto3

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

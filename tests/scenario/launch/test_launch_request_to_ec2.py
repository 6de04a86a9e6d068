"""Scenario tests of the launched EC2 instance: encrypted, without inbound access, and tagged."""

from typing import Any

import boto3
import pytest

from chalicelib.domain.instances.record import Instance, Phase
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
    assert "PublicIpAddress" in found
    assert "KeyName" not in found
    assert found["IamInstanceProfile"]["Arn"].endswith("/gpudesk-dev-instance")
    groups = found["NetworkInterfaces"][0]["Groups"]
    group = desk.ec2.describe_security_groups(GroupIds=[each["GroupId"] for each in groups])["SecurityGroups"][0]
    assert group["GroupName"] == "gpudesk-dev"
    assert group["IpPermissions"] == []
    timing = desk.ec2.describe_instance_attribute(
        InstanceId=get_ec2_id(instance), Attribute="instanceInitiatedShutdownBehavior"
    )
    assert timing["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


def find_disk(desk: World, instance: Instance) -> dict[str, Any]:
    """Return the only volume of the instance."""
    filters: Any = [{"Name": "attachment.instance-id", "Values": [get_ec2_id(instance)]}]
    (volume,) = desk.ec2.describe_volumes(Filters=filters)["Volumes"]
    return dict(volume)


def test_instance_has_one_encrypted_gp3_disk_with_64_gib_beside_the_image(desk: World) -> None:
    instance = desk.launch_until_ready()
    volume = find_disk(desk, instance)
    assert (volume["VolumeType"], volume["Encrypted"], volume["Size"]) == ("gp3", True, 35 + 64)
    assert instance.spec.disk_gib == 35 + 64


def test_disk_smaller_than_the_ami_grows_to_the_size_of_the_ami_and_a_warning_says_so(desk: World) -> None:
    requested = desk.request_launch(disk_gib=8)
    assert [warning.code for warning in requested.warnings] == ["disk_nearly_full", "no_channel"]
    instance = desk.wait_for_phase(requested.instance, Phase.BOOTING)
    assert find_disk(desk, instance)["Size"] == 35
    assert "The disk of 35 GiB has about 0 GiB free" in desk.list_timeline(instance)[2].message


def test_private_subnet_gets_no_public_address_and_none_is_billed(desk: World) -> None:
    for subnet in desk.ec2.describe_subnets()["Subnets"]:
        desk.ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": False})
    instance = desk.wait_for_phase(desk.launch(), Phase.BOOTING)
    assert "PublicIpAddress" not in describe_instance(desk, get_ec2_id(instance))
    assert instance.billing.rates.address == 0


@pytest.mark.parametrize("requested", [None, 2])
def test_containers_get_the_role_only_if_the_launch_asks_for_it(desk: World, requested: int | None) -> None:
    instance = desk.wait_for_phase(desk.launch(metadata_hop_limit=requested), Phase.BOOTING)
    options = describe_instance(desk, get_ec2_id(instance))["MetadataOptions"]
    assert options["HttpPutResponseHopLimit"] == (requested or 1)


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
    table = boto3.resource("dynamodb", "us-east-1").Table("gpudesk-dev-heartbeats")
    assert table.get_item(Key={"id": key})["Item"]["id"] == key

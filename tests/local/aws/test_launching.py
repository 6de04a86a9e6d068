from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from tests.local.aws.conftest import (
    ONCE,
    Launch,
    build_launch_request,
    build_launcher,
    describe_instance,
    get_error,
    get_state,
)
from tests.local.aws.fakes import RecordingMachines

TAGS = [{"Key": "gpudesk:id", "Value": "gd-1"}]


def find_subnet(ec2: Any, zone: str) -> str:
    subnets = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": [zone]}])
    return str(subnets["Subnets"][0]["SubnetId"])


def test_same_token_and_request_return_first_instance(ec2: Any, launch: Launch) -> None:
    assert launch(ClientToken="t") == launch(ClientToken="t")
    assert len(ec2.describe_instances()["Reservations"]) == 1


def test_same_token_with_other_request_is_rejected(ec2: Any, ssm: Any, launch: Launch) -> None:
    launch(ClientToken="t")
    other = {**build_launch_request(ssm), "InstanceType": "g5.xlarge", "ClientToken": "t"}
    assert get_error(ec2.run_instances, **other) == ("IdempotentParameterMismatch", 400)


def test_tags_are_part_of_request_of_token(ec2: Any, ssm: Any, launch: Launch) -> None:
    tagged = [{"ResourceType": "instance", "Tags": TAGS}]
    launch(ClientToken="t")
    other = {**build_launch_request(ssm), "TagSpecifications": tagged, "ClientToken": "t"}
    assert get_error(ec2.run_instances, **other)[0] == "IdempotentParameterMismatch"


def test_same_token_in_other_zone_or_region_launches_again(ec2: Any, ssm: Any, launch: Launch) -> None:
    first = launch(ClientToken="t", SubnetId=find_subnet(ec2, "us-east-1a"))
    second = launch(ClientToken="t", SubnetId=find_subnet(ec2, "us-east-1b"))
    west = "us-west-2"
    third = build_launcher(boto3.client("ec2", west), boto3.client("ssm", west))(ClientToken="t")
    assert len({first, second, third}) == 3


def test_client_token_expires_after_one_day(launch: Launch, clock: ManualClock) -> None:
    first = launch(ClientToken="t")
    clock.advance(timedelta(hours=24))
    assert launch(ClientToken="t") != first


def test_rejected_launch_does_not_use_its_token(cloud: LocalCloud, ec2: Any, launch: Launch) -> None:
    cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0)
    with pytest.raises(ec2.exceptions.ClientError):
        launch(ClientToken="t")
    cloud.capacity.set("g4dn.xlarge", "us-east-1a", None)
    assert launch(ClientToken="t")


@pytest.mark.parametrize("calls", ["describe", "filter", "stop", "terminate"])
def test_new_instance_is_hidden_from_other_calls_at_first(clock: ManualClock, calls: str) -> None:
    lag = timedelta(minutes=2)
    with in_process_cloud(clock, timing=AwsTiming(launch_hidden_for=lag)):
        ec2: Any = boto3.client("ec2", "us-east-1", config=ONCE)
        tagged = [{"ResourceType": "instance", "Tags": TAGS}]
        launch = build_launcher(ec2, boto3.client("ssm", "us-east-1"))
        instance_id = launch(ClientToken="t", TagSpecifications=tagged)
        by_tag = [{"Name": "tag:gpudesk:id", "Values": ["gd-1"]}]
        if calls == "filter":
            assert ec2.describe_instances(Filters=by_tag)["Reservations"] == []
        else:
            call = {
                "describe": ec2.describe_instances,
                "stop": ec2.stop_instances,
                "terminate": ec2.terminate_instances,
            }[calls]
            assert get_error(call, InstanceIds=[instance_id]) == ("InvalidInstanceID.NotFound", 400)
        assert launch(ClientToken="t", TagSpecifications=tagged) == instance_id
        clock.advance(lag)
        assert len(ec2.describe_instances(Filters=by_tag)["Reservations"]) == 1


def test_unknown_id_fails_whole_describe(ec2: Any, launch: Launch) -> None:
    ids = [launch(), "i-0123456789abcdef0"]
    assert get_error(ec2.describe_instances, InstanceIds=ids) == ("InvalidInstanceID.NotFound", 400)


def test_missing_capacity_is_500_and_terminate_gives_capacity_back(
    cloud: LocalCloud, ec2: Any, ssm: Any, launch: Launch, clock: ManualClock
) -> None:
    cloud.capacity.set("g4dn.xlarge", "us-east-1a", 1)
    first = launch()
    assert get_error(ec2.run_instances, **build_launch_request(ssm)) == ("InsufficientInstanceCapacity", 500)
    assert launch(SubnetId=find_subnet(ec2, "us-east-1b"))
    ec2.terminate_instances(InstanceIds=[first])
    assert launch()


def test_refusal_names_the_other_zones_with_capacity_for_the_type(cloud: LocalCloud, ec2: Any, ssm: Any) -> None:
    for letter in "abc":
        cloud.capacity.set("g4dn.xlarge", f"us-east-1{letter}", 0)
    with pytest.raises(ClientError, match=r"or choosing us-east-1d, us-east-1f\.$"):
        ec2.run_instances(**build_launch_request(ssm))


def test_failed_launch_uses_no_capacity(cloud: LocalCloud, ec2: Any, ssm: Any, launch: Launch) -> None:
    cloud.capacity.set("g4dn.xlarge", "us-east-1a", 1)
    arguments = {**build_launch_request(ssm), "SecurityGroupIds": ["sg-0123456789abcdef0"]}
    assert get_error(ec2.run_instances, **arguments)[0].startswith("InvalidGroup")
    assert launch()


def test_start_needs_capacity(cloud: LocalCloud, ec2: Any, launch: Launch, clock: ManualClock) -> None:
    instance_id = launch()
    clock.advance(timedelta(minutes=1))
    ec2.stop_instances(InstanceIds=[instance_id])
    clock.advance(timedelta(minutes=1))
    cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0)
    refused = get_error(ec2.start_instances, InstanceIds=[instance_id])
    assert refused == ("InsufficientInstanceCapacity", 500)
    assert get_state(ec2, instance_id) == "stopped"


def test_type_not_offered_in_zone_is_unsupported(ec2: Any, ssm: Any) -> None:
    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["p4de.24xlarge"]}]
    )
    zones = {offering["Location"] for offering in offered["InstanceTypeOfferings"]}
    subnets = ec2.describe_subnets()["Subnets"]
    elsewhere = next(subnet["SubnetId"] for subnet in subnets if subnet["AvailabilityZone"] not in zones)
    arguments = {**build_launch_request(ssm), "InstanceType": "p4de.24xlarge", "SubnetId": elsewhere}
    assert get_error(ec2.run_instances, **arguments) == ("Unsupported", 400)


def test_unknown_image_is_rejected(ec2: Any, ssm: Any) -> None:
    arguments = {**build_launch_request(ssm), "ImageId": "ami-0123456789abcdef0"}
    assert get_error(ec2.run_instances, **arguments) == ("InvalidAMIID.NotFound", 400)


def build_disk_mapping(gib: int, device: str = "/dev/sda1") -> list[dict[str, Any]]:
    ebs = {"VolumeSize": gib, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    return [{"DeviceName": device, "Ebs": ebs}]


def test_volume_smaller_than_snapshot_is_rejected(ec2: Any, ssm: Any) -> None:
    arguments = {**build_launch_request(ssm), "BlockDeviceMappings": build_disk_mapping(7)}
    assert get_error(ec2.run_instances, **arguments) == ("InvalidBlockDeviceMapping", 400)


def test_root_volume_has_requested_size(ec2: Any, launch: Launch) -> None:
    launch(BlockDeviceMappings=build_disk_mapping(64))
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (64, "gp3", True)
    assert volume["SnapshotId"].startswith("snap-")


def test_mapping_for_other_device_adds_second_disk(ec2: Any, launch: Launch) -> None:
    launch(BlockDeviceMappings=build_disk_mapping(64, "/dev/xvda"))
    assert sorted(volume["Size"] for volume in ec2.describe_volumes()["Volumes"]) == [8, 64]


def test_root_volume_without_mapping_has_size_of_snapshot(ec2: Any, launch: Launch) -> None:
    launch()
    assert [volume["Size"] for volume in ec2.describe_volumes()["Volumes"]] == [8]


def test_tags_apply_to_all_requested_resources(ec2: Any, launch: Launch) -> None:
    kinds = ("instance", "volume", "network-interface")
    instance_id = launch(TagSpecifications=[{"ResourceType": kind, "Tags": TAGS} for kind in kinds])
    (interface,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert describe_instance(ec2, instance_id)["Tags"] == interface["TagSet"] == volume["Tags"] == TAGS


def test_metadata_options_and_shutdown_behavior_are_stored(ec2: Any, launch: Launch) -> None:
    instance_id = launch(
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        InstanceInitiatedShutdownBehavior="terminate",
    )
    assert describe_instance(ec2, instance_id)["MetadataOptions"]["HttpTokens"] == "required"
    kept = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="instanceInitiatedShutdownBehavior")
    assert kept["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"


def test_terminated_instance_leaves_no_volume_or_interface(ec2: Any, launch: Launch, clock: ManualClock) -> None:
    ec2.terminate_instances(InstanceIds=[launch(BlockDeviceMappings=build_disk_mapping(64))])
    clock.advance(timedelta(minutes=1))
    ec2.describe_instances()
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_machine_spec_has_values_of_launch(
    cloud: LocalCloud, machines: RecordingMachines, ready: Callable[..., str], ec2: Any
) -> None:
    cloud.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:4566"
    instance_id = ready(InstanceType="g4dn.12xlarge")
    describe_instance(ec2, instance_id)
    spec = machines.specs[instance_id]
    assert (spec.gpu, spec.gpu_count, spec.gpu_memory_mib) == ("Tesla T4", 4, 16384)
    assert (spec.region, spec.arch, spec.platform_version) == ("us-east-1", "x86_64", "22.04")
    assert spec.environment == {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}


def test_resources_of_a_launch_are_created_on_the_clock_of_the_cloud(
    cloud: LocalCloud, ec2: Any, launch: Launch, clock: ManualClock
) -> None:
    instance_id = launch()
    (volume,) = ec2.describe_volumes()["Volumes"]
    (interface,) = ec2.describe_network_interfaces()["NetworkInterfaces"]
    created = (volume["CreateTime"], volume["Attachments"][0]["AttachTime"], interface["Attachment"]["AttachTime"])
    assert set(created) == {clock.now().replace(microsecond=0)}
    clock.advance(timedelta(minutes=5))
    image_id = ec2.create_image(InstanceId=instance_id, Name="copy")["ImageId"]
    (image,) = ec2.describe_images(ImageIds=[image_id])["Images"]
    snapshot_id = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    assert snapshot["StartTime"] == clock.now().replace(microsecond=0)
    assert image["CreationDate"].startswith(f"{clock.now():%Y-%m-%dT%H:%M}")


@pytest.mark.parametrize("kind", ["Name", "Arn"])
def test_unknown_instance_profile_has_the_error_of_ec2(cloud: LocalCloud, ec2: Any, ssm: Any, kind: str) -> None:
    request = {**build_launch_request(ssm), "IamInstanceProfile": {kind: "nowhere"}}
    with pytest.raises(ec2.exceptions.ClientError, match=f"Invalid IAM Instance Profile {kind.lower()}"):
        ec2.run_instances(**request)
    assert get_error(ec2.run_instances, **request) == ("InvalidParameterValue", 400)
    assert ec2.describe_instances()["Reservations"] == []

"""Scenario test of a move to another region, with every permission that it needs."""

from collections.abc import Iterator

import boto3
import pytest

from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.move_target import MoveRequest
from local.aws.core.testing import in_process_cloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from local.function_roles import attribute_calls
from local.provisioning import provision
from local.settings import build_local_names
from tests.support.provisioned_cloud import build_simulated_machines
from tests.support.snapshots import forget_backends
from tests.support.world import ADA, MINUTE, World, build_application, get_ec2_id

HERE, THERE = "us-east-1", "us-west-2"


@pytest.fixture
def desk() -> Iterator[World]:
    """Provide gpudesk in two regions."""
    clock = ManualClock()
    with in_process_cloud(clock, build_simulated_machines(), AwsTiming(image_creation_for=2 * MINUTE)) as cloud:
        settings = provision((HERE, THERE))
        with attribute_calls(build_local_names(settings.regions)):
            yield World(cloud, clock, build_application(clock, settings))
        assert cloud.enforcement.denials == []
        forget_backends()


def list_images(region: str) -> list[str]:
    """Return the own AMIs and snapshots in a region."""
    ec2 = boto3.client("ec2", region)
    snapshots = ec2.describe_snapshots(Filters=[{"Name": "tag-key", "Values": ["gpudesk:move"]}])["Snapshots"]
    images = ec2.describe_images(Owners=["self"])["Images"]
    return [*(each["ImageId"] for each in images), *(each["SnapshotId"] for each in snapshots)]


def get_state(region: str, ec2_id: str) -> str:
    found = boto3.client("ec2", region).describe_instances(InstanceIds=[ec2_id])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def is_moved(instance: Instance) -> bool:
    return instance.move is None


def list_live_requests(region: str) -> list[str]:
    """Return the instances of the live spot requests in a region."""
    requests = boto3.client("ec2", region).describe_spot_instance_requests()["SpotInstanceRequests"]
    return [each["InstanceId"] for each in requests if each["State"] in ("open", "active", "disabled")]


def test_spot_instance_moves_to_another_region_and_leaves_nothing_behind(desk: World) -> None:
    before = desk.launch_until_stopped(name="brave-otter", market="spot")
    former = get_ec2_id(before)
    desk.application.moves.request(ADA, before.id, MoveRequest(region=THERE))
    desk.wait_until(before, lambda now: now.move is not None and now.move.step is MoveStep.LAUNCH)
    assert get_state(HERE, former) == "stopped"
    copies = boto3.client("ec2", THERE).describe_images(Owners=["self"])["Images"]
    assert [disk["Ebs"]["Encrypted"] for image in copies for disk in image["BlockDeviceMappings"]] == [True]
    after = desk.wait_until(before, is_moved)
    assert (after.id, after.name, after.phase, after.spec.region) == (before.id, "brave-otter", Phase.READY, THERE)
    assert get_state(HERE, former) in ("shutting-down", "terminated")
    launched = boto3.client("ec2", THERE).describe_instances(InstanceIds=[get_ec2_id(after)])
    (machine,) = launched["Reservations"][0]["Instances"]
    assert (machine["State"]["Name"], machine["ImageId"]) == ("running", copies[0]["ImageId"])
    assert (list_images(HERE), list_images(THERE)) == ([], [])
    assert (list_live_requests(HERE), list_live_requests(THERE)) == ([], [machine["InstanceId"]])
    codes = desk.list_codes(before)
    assert codes.count("moved") == 1
    records = [*desk.application.reconciler.stores.instances.list_active()]
    assert [record.id for record in records] == [before.id], "no sweep adopts the former EC2 instance meanwhile"

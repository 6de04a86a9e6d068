"""Scenario tests of images: created, restored after each fault on the way, and deleted.

The phases and deadlines of an image are tested without AWS, in `tests/unit/images`.
"""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from chalicelib.domain.common.deadlines import IMAGE_DEADLINE
from chalicelib.domain.common.errors import Conflict, NotFound
from chalicelib.domain.common.pagination import Page
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, ImagePhase
from chalicelib.domain.instances.record import Phase
from local.aws.core.timing import AwsTiming
from local.machines.host.simulated import SimulatedMachines
from tests.support.channels import add_webhook
from tests.support.images import (
    create_available_image,
    create_image,
    load_image,
    wait_for_image_phase,
    wait_until_finished,
)
from tests.support.world import ADA, ADMIN, MINUTE, World, get_ec2_id, open_world


@pytest.fixture
def desk() -> Iterator[World]:
    with open_world(AwsTiming(image_creation_for=2 * MINUTE)) as around:
        yield around


def amis() -> list[dict[str, Any]]:
    ec2: Any = boto3.client("ec2", "us-east-1")
    return list(ec2.describe_images(Owners=["self"])["Images"])


def snapshots() -> list[dict[str, Any]]:
    filters = [{"Name": "tag-key", "Values": ["gpudesk:image"]}]
    return list(boto3.client("ec2", "us-east-1").describe_snapshots(Filters=filters)["Snapshots"])  # type: ignore[arg-type]


def secret_actions(desk: World) -> list[str]:
    machines = desk.cloud.machines
    assert isinstance(machines, SimulatedMachines)
    return [
        script.environment["SSM_action"]
        for _, script in machines.executed_scripts
        if "SSM_action" in script.environment
    ]


def test_image_has_no_secrets_is_tagged_and_private(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_available_image(desk, instance)
    assert secret_actions(desk) == ["remove", "restore"]
    (ami,) = amis()
    assert (ami["ImageId"], ami["State"], ami["Public"]) == (image.ami.id, "available", False)
    tags = {tag["Key"]: tag["Value"] for tag in ami["Tags"]}
    assert (tags["gpudesk:image"], tags["gpudesk:owner"], tags["Name"]) == (image.id, "ada", "vision-1")
    (snapshot,) = snapshots()
    assert image.ami.snapshots == (snapshot["SnapshotId"],)
    assert image.disk_gib == snapshot["VolumeSize"] == desk.load(instance).spec.disk_gib
    assert [installed_document.name for installed_document in image.installed_documents] == [
        "gpudesk-probe",
        "gpudesk-jupyter",
    ]
    assert desk.load(instance).image_in_progress is None
    assert "image_available" in desk.list_codes(instance)
    assert not image.needs_work


def test_name_of_two_images_is_refused_with_their_ids(desk: World) -> None:
    instance = desk.launch_until_ready()
    first = create_available_image(desk, instance)
    second = create_image(desk, instance)
    requests = desk.application.images
    with pytest.raises(Conflict, match="Send the id") as conflict:
        requests.delete(ADA, "vision-1")
    assert all(image.id in str(conflict.value) for image in (first, second))
    assert requests.delete(ADA, first.id).id == first.id


def test_secrets_are_restored_before_the_image_is_ready_and_the_timeline_says_how_to_connect_again(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = wait_for_image_phase(desk, create_image(desk, instance), ImagePhase.PENDING)
    assert image.secrets_removed
    desk.pass_minutes()
    pending = load_image(desk, image)
    assert (pending.phase, pending.secrets_removed) == (ImagePhase.PENDING, False)
    assert 0 < pending.ami.progress < 100
    messages = {str(entry.code): entry.message for entry in desk.list_timeline(instance)}
    for code in ("image_requested", "secrets_regenerated"):
        assert f"ssh-keygen -R {instance.id}" in messages[code]
    assert desk.application.queries.get(ADA, instance.id).live.image == pending


def test_secrets_are_restored_without_a_reboot_although_that_fails_twice(desk: World) -> None:
    instance = desk.launch_until_ready()
    failed = (1, "", "no space left on device")
    desk.cloud.machines.outcomes["secrets"] = [(0, "", ""), failed, failed]  # type: ignore[attr-defined]
    image = create_available_image(desk, instance, no_reboot=True)
    assert secret_actions(desk).count("restore") == 3
    assert "secrets_restored" in desk.list_codes(instance)
    assert image.reason.code == "available"


def test_no_command_is_sent_to_an_instance_that_was_terminated_meanwhile(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = wait_for_image_phase(desk, create_image(desk, instance), ImagePhase.SANITIZING)
    desk.cloud.faults.inject("CreateImage", "UnauthorizedOperation")
    desk.ec2.terminate_instances(InstanceIds=[get_ec2_id(instance)])
    desk.wait_for_phase(instance, Phase.TERMINATED)
    wait_until_finished(desk, image)
    sent = desk.cloud.calls["ssm:SendCommand"]
    desk.pass_minutes(3)
    assert desk.cloud.calls["ssm:SendCommand"] == sent
    assert "restore" not in secret_actions(desk)


def test_secrets_are_restored_although_the_failed_image_is_deleted_at_once(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.inject("CreateImage", "UnauthorizedOperation")
    failed = (1, "", "no space left on device")
    desk.cloud.machines.outcomes["secrets"] = [(0, "", ""), failed, failed]  # type: ignore[attr-defined]
    image = wait_for_image_phase(desk, create_image(desk, instance), ImagePhase.FAILED)
    assert image.secrets_removed
    assert desk.application.images.delete(ADA, image.id).phase is ImagePhase.DELETING
    gone = wait_for_image_phase(desk, image, ImagePhase.DELETED)
    assert gone.secrets_removed
    wait_until_finished(desk, image)
    assert secret_actions(desk) == ["remove", "restore", "restore", "restore"]
    assert "secrets_restored" in desk.list_codes(instance)


@pytest.mark.parametrize(
    ("refusal", "news", "words"),
    [(None, "image_available", "is ready: ami-"), ("UnauthorizedOperation", "image_failed", "EC2 rejected")],
)
def test_owner_is_notified_once_of_the_end_of_the_image(
    desk: World, refusal: str | None, news: str, words: str
) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_ready()
    if refusal:
        desk.cloud.faults.inject("CreateImage", refusal)
    wait_for_image_phase(desk, create_image(desk, instance), ImagePhase.AVAILABLE, ImagePhase.FAILED)
    desk.pass_minutes()
    assert box.list_types() == [news]
    assert words in json.loads(box.messages[0][1])["data"]["message"]
    notification, ready = desk.application.queries.list_notifications(ADA, instance.id, limit=10, cursor=None).items
    assert (notification.code, ready.code) == (news, "ready")


def test_lost_response_creates_no_second_image(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.drop_response("CreateImage")
    image = create_available_image(desk, instance)
    assert [ami["ImageId"] for ami in amis()] == [image.ami.id]
    assert desk.cloud.calls["ec2:CreateImage"] == 1


def test_image_that_ec2_does_not_show_yet_is_found_later(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.drop_response("CreateImage")
    desk.cloud.faults.inject("DescribeImages", "InternalError", times=2)
    create_available_image(desk, instance)
    assert len(amis()) == 1


def test_repeated_request_returns_the_same_image_and_another_one_is_refused(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_image(desk, instance)
    assert create_image(desk, instance).id == image.id
    with pytest.raises(Conflict, match="is being created"):
        create_image(desk, instance, name="vision-2")


def test_termination_waits_for_the_image(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_image(desk, instance)
    desk.application.instances.terminate(ADA, instance.id)
    desk.pass_minutes(2)
    assert load_image(desk, image).phase in IN_PROGRESS_PHASES
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    assert desk.list_codes(instance).count("terminate_pending") == 1
    wait_for_image_phase(desk, image, ImagePhase.AVAILABLE)
    desk.wait_for_phase(instance, Phase.TERMINATED)


@pytest.mark.parametrize("fault", ["remove", "create"])
def test_failed_image_is_recorded_and_the_secrets_are_restored(desk: World, fault: str) -> None:
    instance = desk.launch_until_ready()
    if fault == "remove":
        desk.cloud.machines.outcomes["secrets"] = [(1, "", "no space left on device")]  # type: ignore[attr-defined]
    else:
        desk.cloud.faults.inject("CreateImage", "UnauthorizedOperation")
    image = wait_for_image_phase(desk, create_image(desk, instance), ImagePhase.FAILED)
    wait_until_finished(desk, image)
    assert secret_actions(desk) == ["remove", "restore"]
    assert ("no space left" if fault == "remove" else "UnauthorizedOperation") in image.reason.message
    assert desk.load(instance).image_in_progress is None
    assert "image_failed" in desk.list_codes(instance)
    desk.application.images.delete(ADA, image.id)
    wait_for_image_phase(desk, image, ImagePhase.DELETED)


def test_deletion_removes_the_snapshots_and_ends_when_ec2_shows_none(desk: World) -> None:
    image = create_available_image(desk, desk.launch_until_ready())
    desk.cloud.faults.inject("DeregisterImage", "RequestLimitExceeded")
    desk.cloud.faults.inject("DeleteSnapshot", "RequestLimitExceeded")
    requests = desk.application.images
    assert requests.delete(ADA, image.id).phase is ImagePhase.DELETING
    assert requests.delete(ADA, image.id).phase is ImagePhase.DELETING
    wait_for_image_phase(desk, image, ImagePhase.DELETED)
    assert (amis(), snapshots()) == ([], [])
    with pytest.raises(NotFound):
        requests.get(ADA, image.id)
    assert requests.list_images(ADMIN, owner=None, limit=10, cursor=None) == Page((), None)


def test_image_in_progress_is_not_deleted(desk: World) -> None:
    image = create_image(desk, desk.launch_until_ready())
    with pytest.raises(Conflict, match="can be deleted when it is available or failed"):
        desk.application.images.delete(ADA, image.id)


def test_paused_gpudesk_does_not_go_on_with_an_image(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_image(desk, instance)
    desk.pause()
    desk.pass_minutes(2)
    assert load_image(desk, image).phase is ImagePhase.REQUESTED
    desk.application.desk.update(ADMIN, mode=Mode.ENFORCE)
    wait_for_image_phase(desk, image, ImagePhase.PENDING)


def test_image_of_an_instance_that_is_not_ready_is_refused(desk: World) -> None:
    with pytest.raises(Conflict, match="Request the image when it is ready"):
        create_image(desk, desk.launch())


def test_termination_waits_for_an_image_until_its_deadline_only(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_image(desk, instance)
    desk.application.instances.terminate(ADA, instance.id)
    desk.clock.advance(IMAGE_DEADLINE)
    desk.cloud.tick()
    desk.application.reconciler.reconcile(instance.id)
    assert desk.load(instance).phase is Phase.TERMINATING
    with pytest.raises(Conflict):
        create_image(desk, instance, name="another")
    assert load_image(desk, image).id == image.id


def test_instance_is_neither_idle_nor_set_up_while_its_image_is_created(desk: World) -> None:
    instance = desk.launch_until_ready()
    create_image(desk, instance)
    with pytest.raises(Conflict, match="half of the setup"):
        desk.application.setup.run(ADA, instance.id, recipe=None, parameters={})
    shown = desk.get_snapshot(instance)
    assert shown.live.activity is not None
    assert shown.live.activity.reason.code == "image_in_progress"

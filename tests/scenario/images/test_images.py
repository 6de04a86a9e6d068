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
from tests.support.channels import listening
from tests.support.images import ask, at_rest, look, made, until
from tests.support.world import ADA, ADMIN, MINUTE, World, machine_id, world


@pytest.fixture
def desk() -> Iterator[World]:
    with world(AwsTiming(image_creation_for=2 * MINUTE)) as around:
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
    instance = desk.ready()
    image = made(desk, instance)
    assert secret_actions(desk) == ["remove", "restore"]
    (ami,) = amis()
    assert (ami["ImageId"], ami["State"], ami["Public"]) == (image.ami.id, "available", False)
    tags = {tag["Key"]: tag["Value"] for tag in ami["Tags"]}
    assert (tags["gpudesk:image"], tags["gpudesk:owner"], tags["Name"]) == (image.id, "ada", "vision-1")
    (snapshot,) = snapshots()
    assert image.ami.snapshots == (snapshot["SnapshotId"],)
    assert image.disk_gib == snapshot["VolumeSize"] == desk.look(instance).spec.disk_gib
    assert [installed_document.name for installed_document in image.installed_documents] == [
        "gpudesk-probe",
        "gpudesk-jupyter",
    ]
    assert desk.look(instance).image_in_progress is None
    assert "image_available" in desk.codes(instance)
    assert not image.needs_work


def test_name_of_two_images_is_refused_with_their_ids(desk: World) -> None:
    instance = desk.ready()
    first = made(desk, instance)
    second = ask(desk, instance)
    requests = desk.desk.images
    with pytest.raises(Conflict, match="Send the id") as conflict:
        requests.delete(ADA, "vision-1")
    assert all(image.id in str(conflict.value) for image in (first, second))
    assert requests.delete(ADA, first.id).id == first.id


def test_secrets_are_restored_before_the_image_is_ready_and_the_timeline_says_how_to_connect_again(desk: World) -> None:
    instance = desk.ready()
    image = until(desk, ask(desk, instance), ImagePhase.PENDING)
    assert image.secrets_removed
    desk.minute()
    pending = look(desk, image)
    assert (pending.phase, pending.secrets_removed) == (ImagePhase.PENDING, False)
    assert 0 < pending.ami.progress < 100
    messages = {str(entry.code): entry.message for entry in desk.timeline(instance)}
    for code in ("image_requested", "secrets_regenerated"):
        assert f"ssh-keygen -R {instance.id}" in messages[code]
    assert desk.desk.queries.get(ADA, instance.id).live.image == pending


def test_secrets_are_restored_without_a_reboot_although_that_fails_twice(desk: World) -> None:
    instance = desk.ready()
    failed = (1, "", "no space left on device")
    desk.cloud.machines.outcomes["secrets"] = [(0, "", ""), failed, failed]  # type: ignore[attr-defined]
    image = made(desk, instance, no_reboot=True)
    assert secret_actions(desk).count("restore") == 3
    assert "secrets_restored" in desk.codes(instance)
    assert image.reason.code == "available"


def test_no_command_is_sent_to_an_instance_that_was_terminated_meanwhile(desk: World) -> None:
    instance = desk.ready()
    image = until(desk, ask(desk, instance), ImagePhase.SANITIZING)
    desk.cloud.faults.inject("CreateImage", "UnauthorizedOperation")
    desk.ec2.terminate_instances(InstanceIds=[machine_id(instance)])
    desk.until(instance, Phase.TERMINATED)
    at_rest(desk, image)
    sent = desk.cloud.calls["ssm:SendCommand"]
    desk.minute(3)
    assert desk.cloud.calls["ssm:SendCommand"] == sent
    assert "restore" not in secret_actions(desk)


def test_secrets_are_restored_although_the_failed_image_is_deleted_at_once(desk: World) -> None:
    instance = desk.ready()
    desk.cloud.faults.inject("CreateImage", "UnauthorizedOperation")
    failed = (1, "", "no space left on device")
    desk.cloud.machines.outcomes["secrets"] = [(0, "", ""), failed, failed]  # type: ignore[attr-defined]
    image = until(desk, ask(desk, instance), ImagePhase.FAILED)
    assert image.secrets_removed
    assert desk.desk.images.delete(ADA, image.id).phase is ImagePhase.DELETING
    gone = until(desk, image, ImagePhase.DELETED)
    assert gone.secrets_removed
    at_rest(desk, image)
    assert secret_actions(desk) == ["remove", "restore", "restore", "restore"]
    assert "secrets_restored" in desk.codes(instance)


@pytest.mark.parametrize(
    ("refusal", "news", "words"),
    [(None, "image_available", "is ready: ami-"), ("UnauthorizedOperation", "image_failed", "EC2 rejected")],
)
def test_owner_is_notified_once_of_the_end_of_the_image(
    desk: World, refusal: str | None, news: str, words: str
) -> None:
    box = listening(desk)
    instance = desk.ready()
    if refusal:
        desk.cloud.faults.inject("CreateImage", refusal)
    until(desk, ask(desk, instance), ImagePhase.AVAILABLE, ImagePhase.FAILED)
    desk.minute()
    assert box.types() == [news]
    assert words in json.loads(box.arrived[0][1])["data"]["message"]
    notice, ready = desk.desk.queries.list_notifications(ADA, instance.id, limit=10, cursor=None).items
    assert (notice.code, ready.code) == (news, "ready")


def test_lost_response_creates_no_second_image(desk: World) -> None:
    instance = desk.ready()
    desk.cloud.faults.drop_response("CreateImage")
    image = made(desk, instance)
    assert [ami["ImageId"] for ami in amis()] == [image.ami.id]
    assert desk.cloud.calls["ec2:CreateImage"] == 1


def test_image_that_ec2_does_not_show_yet_is_found_later(desk: World) -> None:
    instance = desk.ready()
    desk.cloud.faults.drop_response("CreateImage")
    desk.cloud.faults.inject("DescribeImages", "InternalError", times=2)
    made(desk, instance)
    assert len(amis()) == 1


def test_repeated_request_returns_the_same_image_and_another_one_is_refused(desk: World) -> None:
    instance = desk.ready()
    image = ask(desk, instance)
    assert ask(desk, instance).id == image.id
    with pytest.raises(Conflict, match="is being created"):
        ask(desk, instance, name="vision-2")


def test_termination_waits_for_the_image(desk: World) -> None:
    instance = desk.ready()
    image = ask(desk, instance)
    desk.desk.instances.terminate(ADA, instance.id)
    desk.minute(2)
    assert look(desk, image).phase in IN_PROGRESS_PHASES
    assert desk.ec2_state(machine_id(instance)) == "running"
    assert desk.codes(instance).count("terminate_pending") == 1
    until(desk, image, ImagePhase.AVAILABLE)
    desk.until(instance, Phase.TERMINATED)


@pytest.mark.parametrize("fault", ["remove", "create"])
def test_failed_image_is_recorded_and_the_secrets_are_restored(desk: World, fault: str) -> None:
    instance = desk.ready()
    if fault == "remove":
        desk.cloud.machines.outcomes["secrets"] = [(1, "", "no space left on device")]  # type: ignore[attr-defined]
    else:
        desk.cloud.faults.inject("CreateImage", "UnauthorizedOperation")
    image = until(desk, ask(desk, instance), ImagePhase.FAILED)
    at_rest(desk, image)
    assert secret_actions(desk) == ["remove", "restore"]
    assert ("no space left" if fault == "remove" else "UnauthorizedOperation") in image.reason.message
    assert desk.look(instance).image_in_progress is None
    assert "image_failed" in desk.codes(instance)
    desk.desk.images.delete(ADA, image.id)
    until(desk, image, ImagePhase.DELETED)


def test_deletion_removes_the_snapshots_and_ends_when_ec2_shows_none(desk: World) -> None:
    image = made(desk, desk.ready())
    desk.cloud.faults.inject("DeregisterImage", "RequestLimitExceeded")
    desk.cloud.faults.inject("DeleteSnapshot", "RequestLimitExceeded")
    requests = desk.desk.images
    assert requests.delete(ADA, image.id).phase is ImagePhase.DELETING
    assert requests.delete(ADA, image.id).phase is ImagePhase.DELETING
    until(desk, image, ImagePhase.DELETED)
    assert (amis(), snapshots()) == ([], [])
    with pytest.raises(NotFound):
        requests.get(ADA, image.id)
    assert requests.list_images(ADMIN, owner=None, limit=10, cursor=None) == Page((), None)


def test_image_in_progress_is_not_deleted(desk: World) -> None:
    image = ask(desk, desk.ready())
    with pytest.raises(Conflict, match="can be deleted when it is available or failed"):
        desk.desk.images.delete(ADA, image.id)


def test_paused_gpudesk_does_not_go_on_with_an_image(desk: World) -> None:
    instance = desk.ready()
    image = ask(desk, instance)
    desk.hold()
    desk.minute(2)
    assert look(desk, image).phase is ImagePhase.REQUESTED
    desk.desk.desk.update(ADMIN, mode=Mode.ENFORCE)
    until(desk, image, ImagePhase.PENDING)


def test_image_of_an_instance_that_is_not_ready_is_refused(desk: World) -> None:
    with pytest.raises(Conflict, match="can be created when the instance is ready"):
        ask(desk, desk.launch())


def test_termination_waits_for_an_image_until_its_deadline_only(desk: World) -> None:
    instance = desk.ready()
    image = ask(desk, instance)
    desk.desk.instances.terminate(ADA, instance.id)
    desk.clock.advance(IMAGE_DEADLINE)
    desk.cloud.tick()
    desk.desk.reconciler.reconcile(instance.id)
    assert desk.look(instance).phase is Phase.TERMINATING
    with pytest.raises(Conflict):
        ask(desk, instance, name="another")
    assert look(desk, image).id == image.id


def test_instance_is_neither_idle_nor_set_up_while_its_image_is_created(desk: World) -> None:
    instance = desk.ready()
    ask(desk, instance)
    with pytest.raises(Conflict, match="half of the setup"):
        desk.desk.setup.run(ADA, instance.id, recipe=None, parameters={})
    shown = desk.show(instance)
    assert shown.live.activity is not None
    assert shown.live.activity.reason.code == "image_in_progress"

"""An image made of an instance, whatever goes wrong on the way, and a launch from it."""

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
from local.machines.host.simulated import SimulatedMachines
from tests.support.channels import add_webhook
from tests.support.images import (
    create_available_image,
    create_image,
    load_image,
    wait_for_image_phase,
    wait_until_finished,
)
from tests.support.world import ADA, ADMIN, World, get_ec2_id, open_world


@pytest.fixture
def desk() -> Iterator[World]:
    with open_world() as around:
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


def test_an_image_is_sealed_made_tagged_and_private(desk: World) -> None:
    instance = desk.launch_until_ready(name="brave-otter")
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


def test_where_several_are_called_so_their_ids_say_which_is_meant(desk: World) -> None:
    instance = desk.launch_until_ready()
    ids = [create_available_image(desk, instance, no_reboot=True).id for _ in range(2)]
    requests = desk.application.images
    with pytest.raises(Conflict, match="Send the id") as conflict:
        requests.delete(ADA, "vision-1")
    assert all(each in str(conflict.value) for each in ids)
    assert requests.delete(ADA, ids[0]).id == ids[0]


def test_the_instance_is_sealed_for_minutes_only_and_its_timeline_says_how_to_get_in_again(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = wait_for_image_phase(desk, create_image(desk, instance), ImagePhase.PENDING)
    assert image.secrets_removed
    desk.pass_minutes(2)
    going = load_image(desk, image)
    assert (going.phase, going.secrets_removed) == (ImagePhase.PENDING, False)
    assert 0 < going.ami.progress < 100
    said = {str(line.code): line.message for line in desk.list_timeline(instance)}
    for code in ("image_requested", "secrets_regenerated"):
        assert f"ssh-keygen -R {instance.id}" in said[code]
    assert desk.application.queries.get(ADA, instance.id).live.image == going


def test_without_a_reboot_what_was_sealed_is_put_back_however_often_that_fails(desk: World) -> None:
    instance = desk.launch_until_ready()
    failed = (1, "", "no space left on device")
    desk.cloud.machines.outcomes["secrets"] = [(0, "", ""), failed, failed]  # type: ignore[attr-defined]
    image = create_available_image(desk, instance, no_reboot=True)
    assert secret_actions(desk).count("restore") == 3
    assert "secrets_restored" in desk.list_codes(instance)
    assert image.reason.code == "available"


def test_a_machine_that_was_terminated_meanwhile_is_sent_nothing(desk: World) -> None:
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


def test_an_image_that_failed_is_deleted_at_once_and_its_instance_is_unsealed_all_the_same(desk: World) -> None:
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
def test_the_owner_hears_what_became_of_the_image_once(desk: World, refusal: str | None, news: str, words: str) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_ready()
    if refusal:
        desk.cloud.faults.inject("CreateImage", refusal)
    wait_for_image_phase(desk, create_image(desk, instance), ImagePhase.AVAILABLE, ImagePhase.FAILED)
    desk.pass_minutes()
    assert box.list_types() == [news]
    assert words in json.loads(box.messages[0][1])["data"]["message"]
    notice, ready = desk.application.queries.list_notifications(ADA, instance.id, limit=10, cursor=None).items
    assert (notice.code, ready.code) == (news, "ready")


def test_a_lost_answer_makes_no_second_image(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.drop_response("CreateImage")
    image = create_available_image(desk, instance)
    assert [ami["ImageId"] for ami in amis()] == [image.ami.id]
    assert desk.cloud.calls["ec2:CreateImage"] == 1


def test_an_image_that_is_not_shown_yet_is_refused_by_its_name_and_found_later(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.drop_response("CreateImage")
    desk.cloud.faults.inject("DescribeImages", "InternalError", times=2)
    create_available_image(desk, instance)
    assert len(amis()) == 1


def test_the_same_wish_again_is_the_same_image_and_another_one_waits(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_image(desk, instance)
    assert create_image(desk, instance).id == image.id
    with pytest.raises(Conflict, match="is being created"):
        create_image(desk, instance, name="vision-2")


def test_a_termination_waits_for_the_image_and_then_comes(desk: World) -> None:
    instance = desk.launch_until_ready(name="brave-otter")
    image = create_image(desk, instance)
    desk.application.instances.terminate(ADA, "brave-otter")
    desk.pass_minutes(2)
    assert load_image(desk, image).phase in IN_PROGRESS_PHASES
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    assert desk.list_codes(instance).count("terminate_pending") == 1
    wait_for_image_phase(desk, image, ImagePhase.AVAILABLE)
    desk.wait_for_phase(instance, Phase.TERMINATED)


@pytest.mark.parametrize("fault", ["remove", "create"])
def test_what_cannot_be_made_is_told_and_the_instance_is_put_back_in_order(desk: World, fault: str) -> None:
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


def test_deleting_takes_the_snapshots_too_and_is_done_only_when_ec2_shows_none(desk: World) -> None:
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


def test_what_is_being_made_is_not_deleted(desk: World) -> None:
    image = create_image(desk, desk.launch_until_ready())
    with pytest.raises(Conflict, match="can be deleted when it is available or failed"):
        desk.application.images.delete(ADA, image.id)


def test_while_paused_no_image_is_made_and_none_goes_on(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_image(desk, instance)
    desk.pause()
    desk.pass_minutes(3)
    assert load_image(desk, image).phase is ImagePhase.REQUESTED
    desk.application.desk.update(ADMIN, mode=Mode.ENFORCE)
    wait_for_image_phase(desk, image, ImagePhase.AVAILABLE)


def test_only_a_ready_instance_has_an_image_made(desk: World) -> None:
    with pytest.raises(Conflict, match="can be created when the instance is ready"):
        create_image(desk, desk.launch())


def test_a_termination_does_not_wait_for_ever(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=60)
    image = create_image(desk, instance)
    desk.application.instances.terminate(ADA, instance.id)
    desk.clock.advance(IMAGE_DEADLINE)
    desk.cloud.tick()
    desk.application.reconciler.reconcile(instance.id)
    assert desk.load(instance).phase is Phase.TERMINATING
    with pytest.raises(Conflict):
        create_image(desk, instance, name="another")
    assert load_image(desk, image).id == image.id


def test_what_is_being_imaged_is_neither_idle_nor_set_up(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=3, warning_minutes=3)
    create_image(desk, instance)
    with pytest.raises(Conflict, match="half of the setup"):
        desk.application.setup.run(ADA, instance.id, recipe=None, parameters={})
    shown = desk.get_snapshot(instance)
    assert shown.live.activity is not None
    assert shown.live.activity.reason.code == "image_in_progress"

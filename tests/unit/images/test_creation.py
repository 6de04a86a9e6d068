"""Decisions about images, one look at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.common.deadlines import (
    COMMAND_RESEND_AFTER,
    IMAGE_DEADLINE,
    IMAGE_RETRY_AFTER,
    SANITIZE_DEADLINE,
)
from chalicelib.domain.common.errors import PermanentAwsError, TransientAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.images.creation import decide, record_outcome
from chalicelib.domain.images.plan import (
    AmiCreated,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageObservation,
    ObservedAmi,
    SendSanitize,
)
from chalicelib.domain.images.record import AmiState, Image, ImagePhase, ImageSource, SanitizeState, price_per_month
from chalicelib.domain.images.selection import contains_recipe, launch_incompatibility, skippable_documents
from chalicelib.domain.instances.lifecycle.plans import because
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, ObservedCommand, Unavailable
from chalicelib.domain.instances.record import ImageInProgress
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_recipe_document
from chalicelib.domain.setup.state import DocumentRun
from chalicelib.store.data_files import load_catalog, load_packaged_recipes
from tests.property.world import ready

NOW = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)
NOTHING = ImageObservation(ami=NotVisible())
SEALED = DocumentRun(attempt_id="gi-1.remove", sent_at=NOW, last_sent_at=NOW, command_id="c-1")
DONE = ObservedCommand(command_id="c-1", status=CommandStatus.SUCCEEDED, status_details="Success", steps=())
AMI = ObservedAmi(ami_id="ami-1", state="pending", snapshots=("snap-1",), size_gib=64, progress=40)

SOURCE = ImageSource(
    instance_id="gd-1",
    instance_name="brave-otter",
    ec2_instance_id="i-1",
    base_image_parameter=load_catalog().types["g4dn.xlarge"].image,
    arch="x86_64",
)


def image(phase: ImagePhase, **changes: Any) -> Image:
    facts: dict[str, Any] = {
        "sanitize": SanitizeState(run=None if phase is ImagePhase.REQUESTED else SEALED),
        "source": SOURCE,
        "region": "us-east-1",
        "recipe": "jupyter",
        "installed_documents": (),
        "created_at": NOW,
        "no_reboot": False,
        **changes,
    }
    return Image(
        id="gi-1",
        name="vision",
        description="",
        owner="ada",
        created_by="ada",
        disk_gib=64,
        phase=phase,
        phase_since=NOW,
        reason=because(EventCode.REQUESTED, "as it is"),
        **facts,
    )


def test_secrets_leave_the_disk_before_anything_is_copied() -> None:
    plan = decide(image(ImagePhase.REQUESTED), NOTHING, NOW)
    assert isinstance(plan.step, SendSanitize)
    assert (plan.image.phase, plan.step.parameters["action"]) == (ImagePhase.SANITIZING, "remove")
    waiting = decide(image(ImagePhase.SANITIZING), NOTHING, NOW)
    assert waiting.step is None
    sealed = decide(image(ImagePhase.SANITIZING), ImageObservation(ami=NotVisible(), command=DONE), NOW)
    assert (sealed.image.phase, sealed.step) == (ImagePhase.CREATING, CreateImage())


def test_a_seal_that_ssm_has_not_confirmed_is_sent_again_under_the_same_attempt() -> None:
    unconfirmed = image(ImagePhase.SANITIZING, sanitize=SanitizeState(run=replace(SEALED, command_id=None)))
    assert decide(unconfirmed, NOTHING, NOW).step is None
    again = decide(unconfirmed, NOTHING, NOW + COMMAND_RESEND_AFTER).step
    assert isinstance(again, SendSanitize)
    assert again.attempt_id == SEALED.attempt_id
    late = decide(unconfirmed, NOTHING, NOW + SANITIZE_DEADLINE + timedelta(seconds=1))
    assert late.image.phase is ImagePhase.FAILED


def test_what_is_there_under_its_name_is_not_made_again() -> None:
    asked = image(ImagePhase.CREATING, last_called_at=NOW)
    later = NOW + IMAGE_RETRY_AFTER
    assert decide(asked, NOTHING, NOW + timedelta(minutes=1)).step is None, "EC2 may not show it yet"
    assert decide(asked, ImageObservation(ami=Unavailable("throttled")), later).step is None
    assert decide(asked, NOTHING, later).step == CreateImage()
    found = decide(asked, ImageObservation(ami=AMI), later)
    assert (found.image.phase, found.image.ami.id, found.step) == (ImagePhase.PENDING, "ami-1", None)


def test_what_ec2_shows_of_it_is_its_progress_and_then_its_end() -> None:
    pending = image(ImagePhase.PENDING, ami=AmiState(id="ami-1"))
    making = decide(pending, ImageObservation(ami=AMI), NOW)
    assert (making.step, making.image.ami.progress, making.image.ami.snapshots) == (None, 40, ("snap-1",))
    done = decide(pending, ImageObservation(ami=replace(AMI, state="available", size_gib=80)), NOW).image
    assert (done.phase, done.ami.progress, done.disk_gib) == (ImagePhase.AVAILABLE, 100, 80)


def test_absence_is_no_failure_before_the_deadline() -> None:
    pending = image(ImagePhase.PENDING, ami=AmiState(id="ami-1"))
    assert decide(pending, NOTHING, NOW + timedelta(hours=1)).image == pending
    assert decide(pending, NOTHING, NOW + IMAGE_DEADLINE).image.phase is ImagePhase.FAILED
    broken = decide(pending, ImageObservation(ami=replace(AMI, state="failed", failure_reason="disk is gone")), NOW)
    assert "disk is gone" in broken.image.reason.message


@pytest.mark.parametrize(
    "phase", [ImagePhase.REQUESTED, ImagePhase.SANITIZING, ImagePhase.CREATING, ImagePhase.PENDING]
)
def test_all_of_it_has_one_deadline_as_long_as_a_termination_waits(phase: ImagePhase) -> None:
    late = image(phase, last_called_at=NOW, created_at=NOW - IMAGE_DEADLINE)
    plan = decide(late, ImageObservation(ami=NotVisible(), command=DONE), NOW)
    assert (plan.image.phase, plan.step) == (ImagePhase.FAILED, None)
    assert "it was not ready within 6 h" in plan.image.reason.message
    waiting = replace(ready(), image_in_progress=ImageInProgress(id=late.id, started_at=late.created_at))
    assert not waiting.has_image_in_progress(NOW)
    assert waiting.has_image_in_progress(NOW - timedelta(seconds=1))


def test_a_disk_that_ec2_has_at_the_last_moment_is_no_failure() -> None:
    late = image(ImagePhase.PENDING, ami=AmiState(id="ami-1"), created_at=NOW - IMAGE_DEADLINE)
    there = decide(late, ImageObservation(ami=replace(AMI, state="available")), NOW)
    assert there.image.phase is ImagePhase.AVAILABLE


def test_a_name_that_is_taken_is_ours_and_other_refusals_are_final() -> None:
    asked = image(ImagePhase.CREATING, last_called_at=NOW)
    assert record_outcome(asked, CreateImage(), PermanentAwsError("InvalidAMIName.Duplicate", "taken"), NOW) == asked
    assert record_outcome(asked, CreateImage(), TransientAwsError("RequestLimitExceeded", ""), NOW) == asked
    assert (
        record_outcome(asked, CreateImage(), PermanentAwsError("UnauthorizedOperation", "no"), NOW).phase
        is ImagePhase.FAILED
    )
    assert record_outcome(asked, CreateImage(), AmiCreated("ami-1"), NOW).ami.id == "ami-1"


def test_a_snapshot_goes_after_its_image_and_gone_is_what_ec2_does_not_show() -> None:
    going = image(ImagePhase.DELETING, sanitize=SanitizeState(run=SEALED, is_restored=True))
    first = decide(going, ImageObservation(ami=replace(AMI, state="available"), snapshots=("snap-1",)), NOW)
    assert first.step == Deregister("ami-1")
    second = decide(going, ImageObservation(ami=NotVisible(), snapshots=("snap-1",)), NOW)
    assert second.step == DeleteSnapshots(("snap-1",))
    assert decide(going, ImageObservation(ami=NotVisible(), snapshots=Unavailable("throttled")), NOW).image == going
    assert decide(going, NOTHING, NOW).image.phase is ImagePhase.DELETED


@pytest.mark.parametrize(
    ("kind", "region", "disk_gib", "why"),
    [
        ("g4dn.xlarge", "us-east-1", None, None),
        ("g5.xlarge", "us-east-1", 64, None),
        ("t3.large", "us-east-1", None, None),
        ("g5g.xlarge", "us-east-1", None, "is of x86_64, a g5g.xlarge is of arm64"),
        ("g4dn.xlarge", "eu-west-1", None, "is in us-east-1, not in eu-west-1"),
        ("g4dn.xlarge", "us-east-1", 32, "at least 64 GiB"),
    ],
)
def test_an_image_fits_its_region_architecture_and_size(
    kind: str, region: str, disk_gib: int | None, why: str | None
) -> None:
    asked = load_catalog().types[kind]
    said = launch_incompatibility(image(ImagePhase.AVAILABLE), asked, region, disk_gib, asked.image)
    assert (said is None) if why is None else (said is not None and why in said)


def test_a_gpu_needs_the_driver_that_is_in_the_image() -> None:
    gpu, cpu = load_catalog().types["g4dn.xlarge"], load_catalog().types["t3.large"]
    plain = image(ImagePhase.AVAILABLE, source=replace(SOURCE, base_image_parameter=cpu.image))
    assert "driver of a g4dn.xlarge" in str(launch_incompatibility(plain, gpu, "us-east-1", None, gpu.image))
    assert launch_incompatibility(plain, gpu, "us-east-1", None, cpu.image) is None, (
        "a recipe that brings its own driver"
    )
    assert launch_incompatibility(plain, cpu, "us-east-1", None, cpu.image) is None
    assert "is failed" in str(launch_incompatibility(image(ImagePhase.FAILED), cpu, "us-east-1", None, cpu.image))


def test_marks_hold_while_the_recipe_says_the_same() -> None:
    recipe = load_packaged_recipes()["jupyter"]
    documents = recipe.fill_documents({name: parameter.default for name, parameter in recipe.parameters.items()})
    baked = tuple(
        InstalledDocument(
            name=use.name, recipe_hash=hash_recipe_document(use), parameters_hash="f", document_hash="c", seconds=100
        )
        for use in documents
    )
    whole = image(ImagePhase.AVAILABLE, installed_documents=baked)
    assert contains_recipe(whole, recipe, {})
    assert skippable_documents(whole, documents) == {"gpudesk-jupyter": 100}, "the probe runs on every machine"
    assert not contains_recipe(image(ImagePhase.AVAILABLE, installed_documents=baked[:1]), recipe, {})
    older = (baked[0], replace(baked[1], recipe_hash="other"))
    assert not contains_recipe(image(ImagePhase.AVAILABLE, installed_documents=older), recipe, {})
    assert not contains_recipe(replace(whole, recipe="bare"), recipe, {})


def test_what_it_costs_is_at_most_its_size_by_the_month() -> None:
    price = load_catalog().get_snapshot_price_per_gib_month("us-east-1")
    assert str(price_per_month(image(ImagePhase.AVAILABLE), price)) == "3.20"

"""Creation and deletion of images: one decision at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.common.aws_errors import AwsDuplicate, PermanentAwsError, TransientAwsError
from chalicelib.domain.common.deadlines import (
    COMMAND_RESEND_AFTER,
    IMAGE_DEADLINE,
    IMAGE_RETRY_AFTER,
    SANITIZE_DEADLINE,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.images.creation import decide, record_outcome
from chalicelib.domain.images.plan import (
    AmiCreated,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageObservation,
    ObservedAmi,
    SendImageDocument,
)
from chalicelib.domain.images.record import (
    AmiState,
    Image,
    ImagePhase,
    ImageSource,
    SanitizeState,
    compute_price_per_month,
)
from chalicelib.domain.images.selection import contains_recipe, find_launch_incompatibility, find_skippable_documents
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, ObservedCommand, Unavailable
from chalicelib.domain.instances.record import ImageInProgress
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_recipe_document
from chalicelib.domain.setup.state import DocumentRun
from chalicelib.domain.setup.step_output import StepOutput
from chalicelib.store.data_files import load_catalog, load_packaged_recipes
from local.machines.agent.output import INTERRUPTED_MESSAGE
from tests.support.ready_instance import build_ready_instance

NOW = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)
NOTHING_OBSERVED = ImageObservation(ami=NotVisible())
SANITIZE_RUN = DocumentRun(attempt_id="gi-1.remove", sent_at=NOW, last_sent_at=NOW, command_id="c-1")
DONE = ObservedCommand(command_id="c-1", status=CommandStatus.SUCCEEDED, status_details="Success", steps=())
AMI = ObservedAmi(ami_id="ami-1", state="pending", snapshots=("snap-1",), size_gib=64, progress=40)

SOURCE = ImageSource(
    instance_id="gd-1",
    instance_name="brave-otter",
    ec2_instance_id="i-1",
    base_image_parameter=load_catalog().types["g4dn.xlarge"].image,
    arch="x86_64",
)


def build_image(phase: ImagePhase, **changes: Any) -> Image:
    facts: dict[str, Any] = {
        "sanitize": SanitizeState(run=None if phase is ImagePhase.REQUESTED else SANITIZE_RUN),
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
        reason=EventReason(code=EventCode.REQUESTED, message="The image is requested."),
        **facts,
    )


def test_secrets_are_removed_before_the_disk_is_copied() -> None:
    plan = decide(build_image(ImagePhase.REQUESTED), NOTHING_OBSERVED, NOW)
    assert isinstance(plan.step, SendImageDocument)
    assert (plan.image.phase, plan.step.parameters["action"]) == (ImagePhase.SANITIZING, "remove")
    waiting = decide(build_image(ImagePhase.SANITIZING), NOTHING_OBSERVED, NOW)
    assert waiting.step is None
    sanitized = decide(build_image(ImagePhase.SANITIZING), ImageObservation(ami=NotVisible(), command=DONE), NOW)
    assert (sanitized.image.phase, sanitized.step) == (ImagePhase.CREATING, CreateImage())


@pytest.mark.parametrize(
    ("details", "output", "reason"),
    [
        ("Failed", "no space", "gpudesk-image failed on brave-otter: no space"),
        (
            "Undeliverable",
            "no space",
            "The SSM agent did not take the command for gpudesk-image (Undeliverable) on brave-otter",
        ),
        ("Failed", INTERRUPTED_MESSAGE, "The system or its SSM agent went down while gpudesk-image ran on brave-otter"),
    ],
)
def test_reason_of_failed_removal_is_the_end_of_its_command(details: str, output: str, reason: str) -> None:
    step = StepOutput(name="secrets", status="Failed", exit_code=1, output=output)
    failed = ObservedCommand(command_id="c-1", status=CommandStatus.FAILED, status_details=details, steps=(step,))
    plan = decide(build_image(ImagePhase.SANITIZING), ImageObservation(ami=NotVisible(), command=failed), NOW)
    assert plan.image.phase is ImagePhase.FAILED
    assert reason in plan.image.reason.message


def test_command_that_ssm_has_not_confirmed_is_sent_again_with_the_same_attempt_id() -> None:
    unconfirmed = build_image(ImagePhase.SANITIZING, sanitize=SanitizeState(run=replace(SANITIZE_RUN, command_id=None)))
    assert decide(unconfirmed, NOTHING_OBSERVED, NOW).step is None
    again = decide(unconfirmed, NOTHING_OBSERVED, NOW + COMMAND_RESEND_AFTER).step
    assert isinstance(again, SendImageDocument)
    assert again.attempt_id == SANITIZE_RUN.attempt_id
    late = decide(unconfirmed, NOTHING_OBSERVED, NOW + SANITIZE_DEADLINE + timedelta(seconds=1))
    assert late.image.phase is ImagePhase.FAILED


def test_ami_that_exists_is_not_created_again() -> None:
    requested = build_image(ImagePhase.CREATING, last_called_at=NOW)
    later = NOW + IMAGE_RETRY_AFTER
    assert decide(requested, NOTHING_OBSERVED, NOW + timedelta(minutes=1)).step is None, "EC2 may not show the AMI yet"
    assert decide(requested, ImageObservation(ami=Unavailable("throttled")), later).step is None
    assert decide(requested, NOTHING_OBSERVED, later).step == CreateImage()
    found = decide(requested, ImageObservation(ami=AMI), later)
    assert (found.image.phase, found.image.ami.id, found.step) == (ImagePhase.PENDING, "ami-1", None)


def test_progress_and_end_follow_ec2() -> None:
    pending = build_image(ImagePhase.PENDING, ami=AmiState(id="ami-1"))
    making = decide(pending, ImageObservation(ami=AMI), NOW)
    assert (making.step, making.image.ami.progress, making.image.ami.snapshots) == (None, 40, ("snap-1",))
    done = decide(pending, ImageObservation(ami=replace(AMI, state="available", size_gib=80)), NOW).image
    assert (done.phase, done.ami.progress, done.disk_gib) == (ImagePhase.AVAILABLE, 100, 80)


def test_ami_that_is_not_visible_is_no_failure_before_the_deadline() -> None:
    pending = build_image(ImagePhase.PENDING, ami=AmiState(id="ami-1"))
    assert decide(pending, NOTHING_OBSERVED, NOW + timedelta(hours=1)).image == pending
    assert decide(pending, NOTHING_OBSERVED, NOW + IMAGE_DEADLINE).image.phase is ImagePhase.FAILED
    broken = decide(pending, ImageObservation(ami=replace(AMI, state="failed", failure_reason="disk is gone")), NOW)
    assert "disk is gone" in broken.image.reason.message


@pytest.mark.parametrize(
    "phase", [ImagePhase.REQUESTED, ImagePhase.SANITIZING, ImagePhase.CREATING, ImagePhase.PENDING]
)
def test_all_phases_share_one_deadline_and_termination_waits_for_it(phase: ImagePhase) -> None:
    late = build_image(phase, last_called_at=NOW, created_at=NOW - IMAGE_DEADLINE)
    plan = decide(late, ImageObservation(ami=NotVisible(), command=DONE), NOW)
    assert (plan.image.phase, plan.step) == (ImagePhase.FAILED, None)
    assert "it was not ready within 6 h" in plan.image.reason.message
    waiting = replace(build_ready_instance(), image_in_progress=ImageInProgress(id=late.id, started_at=late.created_at))
    assert not waiting.has_image_in_progress(NOW)
    assert waiting.has_image_in_progress(NOW - timedelta(seconds=1))


def test_ami_that_is_available_at_the_deadline_is_no_failure() -> None:
    late = build_image(ImagePhase.PENDING, ami=AmiState(id="ami-1"), created_at=NOW - IMAGE_DEADLINE)
    there = decide(late, ImageObservation(ami=replace(AMI, state="available")), NOW)
    assert there.image.phase is ImagePhase.AVAILABLE


def test_permanent_error_other_than_a_duplicate_name_is_a_failure() -> None:
    requested = build_image(ImagePhase.CREATING, last_called_at=NOW)
    assert record_outcome(requested, CreateImage(), AwsDuplicate("InvalidAMIName.Duplicate", "taken"), NOW) == requested
    assert record_outcome(requested, CreateImage(), TransientAwsError("RequestLimitExceeded", ""), NOW) == requested
    assert (
        record_outcome(requested, CreateImage(), PermanentAwsError("UnauthorizedOperation", "no"), NOW).phase
        is ImagePhase.FAILED
    )
    assert record_outcome(requested, CreateImage(), AmiCreated("ami-1"), NOW).ami.id == "ami-1"


def test_snapshots_are_deleted_after_the_ami_until_ec2_shows_none() -> None:
    going = build_image(ImagePhase.DELETING, sanitize=SanitizeState(run=SANITIZE_RUN, is_restored=True))
    first = decide(going, ImageObservation(ami=replace(AMI, state="available"), snapshots=("snap-1",)), NOW)
    assert first.step == Deregister("ami-1")
    second = decide(going, ImageObservation(ami=NotVisible(), snapshots=("snap-1",)), NOW)
    assert second.step == DeleteSnapshots(("snap-1",))
    assert decide(going, ImageObservation(ami=NotVisible(), snapshots=Unavailable("throttled")), NOW).image == going
    assert decide(going, NOTHING_OBSERVED, NOW).image.phase is ImagePhase.DELETED


@pytest.mark.parametrize(
    ("kind", "region", "disk_gib", "expected"),
    [
        ("g4dn.xlarge", "us-east-1", None, None),
        ("g5.xlarge", "us-east-1", 64, None),
        ("t3.large", "us-east-1", None, None),
        ("g5g.xlarge", "us-east-1", None, "is for x86_64, and g5g.xlarge is arm64"),
        ("g4dn.xlarge", "eu-west-1", None, "is in us-east-1, not in eu-west-1"),
        ("g4dn.xlarge", "us-east-1", 32, "at least 64 GiB"),
    ],
)
def test_image_requires_its_region_architecture_and_disk_size(
    kind: str, region: str, disk_gib: int | None, expected: str | None
) -> None:
    requested = load_catalog().types[kind]
    incompatibility = find_launch_incompatibility(
        build_image(ImagePhase.AVAILABLE), requested, region, disk_gib, requested.image
    )
    assert (
        (incompatibility is None) if expected is None else (incompatibility is not None and expected in incompatibility)
    )


def test_type_with_a_gpu_requires_its_driver_in_the_image() -> None:
    gpu, cpu = load_catalog().types["g4dn.xlarge"], load_catalog().types["t3.large"]
    image_without_driver = build_image(ImagePhase.AVAILABLE, source=replace(SOURCE, base_image_parameter=cpu.image))
    assert "driver of g4dn.xlarge" in str(
        find_launch_incompatibility(image_without_driver, gpu, "us-east-1", None, gpu.image)
    )
    assert find_launch_incompatibility(image_without_driver, gpu, "us-east-1", None, cpu.image) is None, (
        "the recipe installs its own driver"
    )
    assert find_launch_incompatibility(image_without_driver, cpu, "us-east-1", None, cpu.image) is None
    assert "is failed" in str(
        find_launch_incompatibility(build_image(ImagePhase.FAILED), cpu, "us-east-1", None, cpu.image)
    )


def test_documents_are_skippable_while_the_recipe_is_unchanged() -> None:
    recipe = load_packaged_recipes()["jupyter"]
    documents = recipe.fill_documents({name: parameter.default for name, parameter in recipe.parameters.items()})
    installed = tuple(
        InstalledDocument(
            name=use.name, recipe_hash=hash_recipe_document(use), parameters_hash="f", document_hash="c", seconds=100
        )
        for use in documents
    )
    image_with_recipe = build_image(ImagePhase.AVAILABLE, installed_documents=installed)
    assert contains_recipe(image_with_recipe, recipe, {})
    assert find_skippable_documents(image_with_recipe, documents) == {"gpudesk-jupyter": 100}, (
        "the probe runs on every instance"
    )
    assert not contains_recipe(build_image(ImagePhase.AVAILABLE, installed_documents=installed[:1]), recipe, {})
    older = (installed[0], replace(installed[1], recipe_hash="other"))
    assert not contains_recipe(build_image(ImagePhase.AVAILABLE, installed_documents=older), recipe, {})
    assert not contains_recipe(replace(image_with_recipe, recipe="bare"), recipe, {})


def test_maximum_price_is_the_size_times_the_monthly_price() -> None:
    price = load_catalog().get_snapshot_price_per_gib_month("us-east-1")
    assert str(compute_price_per_month(build_image(ImagePhase.AVAILABLE), price)) == "3.20"

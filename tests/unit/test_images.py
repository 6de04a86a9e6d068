"""Decisions about images, one look at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.baked import Baked, use_hash
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.errors import GiveUp, TryLater
from chalicelib.domain.image_plan import (
    AmiView,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageSeen,
    Made,
    SendSeal,
)
from chalicelib.domain.images import Image, ImagePhase, holds, price_per_month, saved, why_not
from chalicelib.domain.imaging import decide, note
from chalicelib.domain.instance import DocumentRun
from chalicelib.domain.lifecycle.rules import because
from chalicelib.domain.observation import Absent, CommandStatus, CommandView, Unobserved
from chalicelib.domain.timings import IMAGE_AGAIN, IMAGE_DEADLINE, RESEND_AFTER, SEAL_DEADLINE
from chalicelib.store.data_files import catalogue, recipes
from tests.property.world import ready

NOW = datetime(2030, 5, 1, 12, 0, tzinfo=UTC)
NOTHING = ImageSeen(ami=Absent())
SEALED = DocumentRun(attempt_id="gi-1.remove", sent_at=NOW, called_at=NOW, command_id="c-1")
DONE = CommandView(command_id="c-1", status=CommandStatus.SUCCEEDED, detail="Success", steps=())
AMI = AmiView(ami_id="ami-1", state="pending", snapshots=("snap-1",), size_gib=64, progress=40)


def image(phase: ImagePhase, **changes: Any) -> Image:
    base = catalogue().types["g4dn.xlarge"].image
    facts: dict[str, Any] = {
        "seal": None if phase is ImagePhase.REQUESTED else SEALED,
        "base": base,
        "arch": "x86_64",
        "region": "us-east-1",
        "recipe": "jupyter",
        "baked": (),
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
        instance_id="gd-1",
        instance_name="brave-otter",
        machine_id="i-1",
        disk_gib=64,
        phase=phase,
        phase_since=NOW,
        reason=because(EventCode.REQUESTED, "as it is"),
        **facts,
    )


def test_secrets_leave_the_disk_before_anything_is_copied() -> None:
    plan = decide(image(ImagePhase.REQUESTED), NOTHING, NOW)
    assert isinstance(plan.step, SendSeal)
    assert (plan.image.phase, plan.step.parameters["action"]) == (ImagePhase.SANITIZING, "remove")
    waiting = decide(image(ImagePhase.SANITIZING), NOTHING, NOW)
    assert waiting.step is None
    sealed = decide(image(ImagePhase.SANITIZING), ImageSeen(ami=Absent(), command=DONE), NOW)
    assert (sealed.image.phase, sealed.step) == (ImagePhase.CREATING, CreateImage())


def test_a_seal_that_ssm_has_not_confirmed_is_sent_again_under_the_same_attempt() -> None:
    unconfirmed = image(ImagePhase.SANITIZING, seal=replace(SEALED, command_id=None))
    assert decide(unconfirmed, NOTHING, NOW).step is None
    again = decide(unconfirmed, NOTHING, NOW + RESEND_AFTER).step
    assert isinstance(again, SendSeal)
    assert again.attempt_id == SEALED.attempt_id
    late = decide(unconfirmed, NOTHING, NOW + SEAL_DEADLINE + timedelta(seconds=1))
    assert late.image.phase is ImagePhase.FAILED


def test_what_is_there_under_its_name_is_not_made_again() -> None:
    asked = image(ImagePhase.CREATING, called_at=NOW)
    later = NOW + IMAGE_AGAIN
    assert decide(asked, NOTHING, NOW + timedelta(minutes=1)).step is None, "EC2 may not show it yet"
    assert decide(asked, ImageSeen(ami=Unobserved("throttled")), later).step is None
    assert decide(asked, NOTHING, later).step == CreateImage()
    found = decide(asked, ImageSeen(ami=AMI), later)
    assert (found.image.phase, found.image.ami_id, found.step) == (ImagePhase.PENDING, "ami-1", None)


def test_what_ec2_shows_of_it_is_its_progress_and_then_its_end() -> None:
    pending = image(ImagePhase.PENDING, ami_id="ami-1")
    making = decide(pending, ImageSeen(ami=AMI), NOW)
    assert (making.step, making.image.progress, making.image.snapshots) == (None, 40, ("snap-1",))
    done = decide(pending, ImageSeen(ami=replace(AMI, state="available", size_gib=80)), NOW).image
    assert (done.phase, done.progress, done.disk_gib) == (ImagePhase.AVAILABLE, 100, 80)


def test_absence_is_no_failure_before_the_deadline() -> None:
    pending = image(ImagePhase.PENDING, ami_id="ami-1")
    assert decide(pending, NOTHING, NOW + timedelta(hours=1)).image == pending
    assert decide(pending, NOTHING, NOW + IMAGE_DEADLINE).image.phase is ImagePhase.FAILED
    broken = decide(pending, ImageSeen(ami=replace(AMI, state="failed", why="disk is gone")), NOW)
    assert "disk is gone" in broken.image.reason.sentence


@pytest.mark.parametrize(
    "phase", [ImagePhase.REQUESTED, ImagePhase.SANITIZING, ImagePhase.CREATING, ImagePhase.PENDING]
)
def test_all_of_it_has_one_deadline_as_long_as_a_termination_waits(phase: ImagePhase) -> None:
    late = image(phase, called_at=NOW, created_at=NOW - IMAGE_DEADLINE)
    plan = decide(late, ImageSeen(ami=Absent(), command=DONE), NOW)
    assert (plan.image.phase, plan.step) == (ImagePhase.FAILED, None)
    assert "it was not ready within 6 hours" in plan.image.reason.sentence
    waiting = replace(ready(), imaging=late.id, imaging_since=late.created_at)
    assert not waiting.is_imaged(NOW)
    assert waiting.is_imaged(NOW - timedelta(seconds=1))


def test_a_disk_that_ec2_has_at_the_last_moment_is_no_failure() -> None:
    late = image(ImagePhase.PENDING, ami_id="ami-1", created_at=NOW - IMAGE_DEADLINE)
    there = decide(late, ImageSeen(ami=replace(AMI, state="available")), NOW)
    assert there.image.phase is ImagePhase.AVAILABLE


def test_a_name_that_is_taken_is_ours_and_other_refusals_are_final() -> None:
    asked = image(ImagePhase.CREATING, called_at=NOW)
    assert note(asked, CreateImage(), GiveUp("InvalidAMIName.Duplicate", "taken"), NOW) == asked
    assert note(asked, CreateImage(), TryLater("RequestLimitExceeded", ""), NOW) == asked
    assert note(asked, CreateImage(), GiveUp("UnauthorizedOperation", "no"), NOW).phase is ImagePhase.FAILED
    assert note(asked, CreateImage(), Made("ami-1"), NOW).ami_id == "ami-1"


def test_a_snapshot_goes_after_its_image_and_gone_is_what_ec2_does_not_show() -> None:
    going = image(ImagePhase.DELETING, is_unsealed=True)
    first = decide(going, ImageSeen(ami=replace(AMI, state="available"), snapshots=("snap-1",)), NOW)
    assert first.step == Deregister("ami-1")
    second = decide(going, ImageSeen(ami=Absent(), snapshots=("snap-1",)), NOW)
    assert second.step == DeleteSnapshots(("snap-1",))
    assert decide(going, ImageSeen(ami=Absent(), snapshots=Unobserved("throttled")), NOW).image == going
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
    asked = catalogue().types[kind]
    said = why_not(image(ImagePhase.AVAILABLE), asked, region, disk_gib, asked.image)
    assert (said is None) if why is None else (said is not None and why in said)


def test_a_gpu_needs_the_driver_that_is_in_the_image() -> None:
    gpu, cpu = catalogue().types["g4dn.xlarge"], catalogue().types["t3.large"]
    plain = image(ImagePhase.AVAILABLE, base=cpu.image)
    assert "driver of a g4dn.xlarge" in str(why_not(plain, gpu, "us-east-1", None, gpu.image))
    assert why_not(plain, gpu, "us-east-1", None, cpu.image) is None, "a recipe that brings its own driver"
    assert why_not(plain, cpu, "us-east-1", None, cpu.image) is None
    assert "is failed" in str(why_not(image(ImagePhase.FAILED), cpu, "us-east-1", None, cpu.image))


def test_marks_hold_while_the_recipe_says_the_same() -> None:
    recipe = recipes()["jupyter"]
    baked = tuple(
        Baked(name=use.name, use=use_hash(use), fingerprint="f", content="c", seconds=100) for use in recipe.documents
    )
    whole = image(ImagePhase.AVAILABLE, baked=baked)
    assert holds(whole, recipe)
    assert saved(whole, recipe.documents) == {"gpudesk-jupyter": 100}, "the probe runs on every machine"
    assert not holds(image(ImagePhase.AVAILABLE, baked=baked[:1]), recipe)
    older = (baked[0], replace(baked[1], use="other"))
    assert not holds(image(ImagePhase.AVAILABLE, baked=older), recipe)
    assert not holds(replace(whole, recipe="bare"), recipe)


def test_what_it_costs_is_at_most_its_size_by_the_month() -> None:
    price = catalogue().snapshot_price_per_gib_month("us-east-1")
    assert str(price_per_month(image(ImagePhase.AVAILABLE), price)) == "3.20"

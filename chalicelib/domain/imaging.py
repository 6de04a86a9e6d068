"""One decision about an image: the record, what was seen and the time give a plan; a call's outcome gives the next.

    requested -> sanitizing -> creating -> pending -> available -> deleting -> deleted
                    +-------------+-----------+--> failed ------------^

Sanitizing runs a document on the instance that takes secrets out of what will be copied; `unsealing` puts them back,
whatever becomes of the image.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain import unsealing
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period
from chalicelib.domain.errors import GiveUp
from chalicelib.domain.image_plan import (
    DOCUMENT,
    AmiView,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageOutcome,
    ImagePlan,
    ImageSeen,
    ImageStep,
    Made,
    SealSent,
    SendSeal,
)
from chalicelib.domain.images import BEING_MADE, Image, ImagePhase
from chalicelib.domain.instance import DocumentRun
from chalicelib.domain.lifecycle.rules import because, entry
from chalicelib.domain.observation import CommandStatus, CommandView, Unobserved
from chalicelib.domain.plan import Entry
from chalicelib.domain.timings import IMAGE_AGAIN, IMAGE_DEADLINE, RESEND_AFTER, SEAL_DEADLINE


def decide(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    """What is to be done about an image."""
    plan = _decide(image, seen, now)
    if plan.image.phase in BEING_MADE and now - image.created_at >= IMAGE_DEADLINE:
        hours = IMAGE_DEADLINE.seconds // 3600
        return ImagePlan(_failed(plan.image, f"it was not ready within {hours} hours", now))
    return plan


def _decide(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    match image.phase:
        case ImagePhase.REQUESTED:
            return _seal(
                _moved(image, ImagePhase.SANITIZING, because(EventCode.SANITIZING, "taking secrets out"), now), now
            )
        case ImagePhase.SANITIZING:
            return _sealing(image, seen, now)
        case ImagePhase.CREATING:
            return _creating(image, seen, now)
        case ImagePhase.PENDING:
            return _pending(image, seen, now)
        case ImagePhase.DELETING:
            return _deleting(image, seen, now)
        case ImagePhase.AVAILABLE | ImagePhase.FAILED | ImagePhase.DELETED:
            return ImagePlan(image)
        case _ as impossible:
            assert_never(impossible)


def note(image: Image, step: ImageStep, outcome: ImageOutcome, now: datetime) -> Image:
    """The image after a call; what cannot pass by itself ends it, anything else is tried again."""
    match step, outcome:
        case SendSeal(parameters), _ if parameters["action"] == "restore":
            return unsealing.note(image, outcome)
        case SendSeal(), SealSent(command_id):
            return replace(image, seal=replace(image.seal, command_id=command_id) if image.seal else None)
        case SendSeal(), GiveUp():
            why = f"SSM rejected the command: {outcome.description}"
            return _failed(image if _may_be_sealed(image) else replace(image, seal=None), why, now)
        case CreateImage(), Made(ami_id):
            return _made(image, ami_id, now)
        case CreateImage(), GiveUp() if "Duplicate" not in outcome.code:
            return _failed(image, f"EC2 rejected the call: {outcome.description}", now)
        case ((Deregister() | DeleteSnapshots()), GiveUp()) if image.reason.code != EventCode.DELETE_REFUSED:
            sentence = f"AWS refuses to delete it: {outcome.message} ({outcome.code}); it is asked again"
            return replace(image, reason=because(EventCode.DELETE_REFUSED, sentence))
        case _:
            return image


def completion(image: Image, now: datetime) -> Entry:
    """Return the timeline entry of the instance for an image that is ready, or could not be created."""
    code = EventCode.IMAGE_AVAILABLE if image.phase is ImagePhase.AVAILABLE else image.reason.code
    return entry(now, because(code, image.reason.sentence), details={"image": image.id})


def _may_be_sealed(image: Image) -> bool:
    """Where SSM was asked more than once, it may have taken the command, and only its answer was lost."""
    return image.seal is not None and image.seal.called_at > image.seal.sent_at


def _sealing(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    run = image.seal
    if run is None:
        return _seal(image, now)
    if now - run.sent_at > SEAL_DEADLINE:
        return ImagePlan(_failed(image, f"{DOCUMENT} did not end on {image.instance_name}", now))
    if run.command_id is None:
        return _seal(image, now) if now - run.called_at >= RESEND_AFTER else ImagePlan(image)
    match seen.command:
        case CommandView(status=CommandStatus.SUCCEEDED):
            return _create(
                _moved(image, ImagePhase.CREATING, because(EventCode.CREATING, "asking EC2 to make it"), now), now
            )
        case CommandView(status=CommandStatus.FAILED) as command:
            said = next((step.output.strip() for step in command.steps if step.exit_code != 0), "") or command.detail
            return ImagePlan(_failed(image, f"{DOCUMENT} failed on {image.instance_name}: {said[-300:]}", now))
        case _:
            return ImagePlan(image)


def _creating(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    """What is there under its name is it: the answer to an earlier call was lost."""
    if isinstance(seen.ami, AmiView):
        return ImagePlan(_made(image, seen.ami.ami_id, now))
    if isinstance(seen.ami, Unobserved) or (image.called_at and now - image.called_at < IMAGE_AGAIN):
        return ImagePlan(image)
    return _create(image, now)


def _pending(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    ami = seen.ami
    if isinstance(ami, AmiView):
        image = replace(image, snapshots=ami.snapshots or image.snapshots, progress=ami.progress)
        if ami.state == "available":
            size = ami.size_gib or image.disk_gib
            sentence = (
                f"Image {image.name} of {image.instance_name} is ready: {ami.ami_id}, {size} GiB. To use it, launch "
                f"with image {image.name}."
            )
            reason = because(EventCode.AVAILABLE, sentence)
            done = _moved(image, ImagePhase.AVAILABLE, reason, now)
            return ImagePlan(replace(done, progress=100, disk_gib=size))
        if ami.state != "pending":
            return ImagePlan(_failed(image, f"EC2 says {ami.state}: {ami.why or 'it does not say why'}", now))
    return ImagePlan(image)


def _deleting(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    """AMI first: a snapshot that an AMI uses cannot be deleted. Gone is only what EC2 does not show any more."""
    if isinstance(seen.ami, Unobserved) or isinstance(seen.snapshots, Unobserved):
        return ImagePlan(image)
    step: ImageStep
    if isinstance(seen.ami, AmiView):
        image = replace(image, snapshots=seen.ami.snapshots or image.snapshots)
        step = Deregister(seen.ami.ami_id)
    elif seen.snapshots:
        step = DeleteSnapshots(seen.snapshots)
    else:
        reason = because(EventCode.DELETED, f"{image.name} and its snapshots are gone")
        return ImagePlan(_moved(image, ImagePhase.DELETED, reason, now))
    return ImagePlan(replace(image, called_at=now), step)


def _seal(image: Image, now: datetime) -> ImagePlan:
    """The same attempt each time it is sent, so that the machine does it once."""
    run = image.seal or DocumentRun(attempt_id=f"{image.id}.remove", sent_at=now, called_at=now)
    run = replace(run, called_at=now)
    step = SendSeal({"attemptId": run.attempt_id, "action": "remove"}, run.attempt_id)
    return ImagePlan(replace(image, seal=run), step)


def _create(image: Image, now: datetime) -> ImagePlan:
    return ImagePlan(replace(image, called_at=now), CreateImage())


def _made(image: Image, ami_id: str, now: datetime) -> Image:
    reason = because(EventCode.PENDING, f"EC2 is copying the disk to {ami_id}")
    return replace(_moved(image, ImagePhase.PENDING, reason, now), ami_id=ami_id)


def _failed(image: Image, why: str, now: datetime) -> Image:
    sentence = (
        f"Image {image.name} of {image.instance_name} could not be created: {ensure_period(why)} Delete the image to "
        "remove what was created of it, then create another one."
    )
    return _moved(image, ImagePhase.FAILED, because(EventCode.IMAGE_FAILED, sentence), now)


def _moved(image: Image, phase: ImagePhase, reason: EventReason, now: datetime) -> Image:
    return replace(image, phase=phase, phase_since=now, reason=reason)

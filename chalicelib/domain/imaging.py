"""One decision about an image: the record, what was seen and the time give a plan; a call's outcome gives the next.

    requested -> sealing -> creating -> pending -> available -> deleting -> deleted
                    +----------+-----------+--> failed ------------^

Sealing runs a document on the instance that takes secrets out of what will be copied; unsealing puts them back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.errors import CloudError, GiveUp
from chalicelib.domain.images import Image, ImagePhase
from chalicelib.domain.instance import DocumentRun
from chalicelib.domain.lifecycle.rules import because
from chalicelib.domain.observation import Absent, CommandStatus, CommandView, Unobserved
from chalicelib.domain.reason import Reason
from chalicelib.domain.timings import IMAGE_AGAIN, IMAGE_DEADLINE, IMAGE_UNSEAL_DEADLINE, RESEND_AFTER, SEAL_DEADLINE

DOCUMENT = "gpudesk-image"


@dataclass(frozen=True, kw_only=True)
class AmiView:
    """What EC2 shows of an AMI. :param progress: percent, of all its snapshots"""

    ami_id: str
    state: str
    snapshots: tuple[str, ...]
    size_gib: int
    why: str = ""
    progress: int = 0


@dataclass(frozen=True, kw_only=True)
class ImageSeen:
    """One look. :param snapshots: that carry its tag, with or without an AMI"""

    ami: AmiView | Absent | Unobserved
    snapshots: tuple[str, ...] | Unobserved = ()
    seal: CommandView | Absent | Unobserved = Absent()


@dataclass(frozen=True)
class SendSeal:
    """SendCommand of the document that seals or unseals."""

    parameters: Mapping[str, str]
    attempt_id: str


@dataclass(frozen=True)
class CreateImage:
    """CreateImage, under the name that is the record's alone."""


@dataclass(frozen=True)
class Deregister:
    """DeregisterImage."""

    ami_id: str


@dataclass(frozen=True)
class DeleteSnapshots:
    """DeleteSnapshot of each."""

    snapshots: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """CreateImage gave an AMI."""

    ami_id: str


@dataclass(frozen=True)
class SealSent:
    """SSM took the command."""

    command_id: str


@dataclass(frozen=True)
class Asked:
    """AWS acknowledged; whether it comes about is for the next look to see."""


ImageStep = SendSeal | CreateImage | Deregister | DeleteSnapshots
ImageOutcome = Made | SealSent | Asked | CloudError


@dataclass(frozen=True)
class ImagePlan:
    """The image as it is to be written, then at most one call."""

    image: Image
    step: ImageStep | None = None


def decide(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    """What is to be done about an image."""
    match image.phase:
        case ImagePhase.REQUESTED:
            return _seal(_moved(image, ImagePhase.SEALING, because("sealing", "taking secrets out"), now), now)
        case ImagePhase.SEALING:
            return _sealing(image, seen, now)
        case ImagePhase.CREATING:
            return _creating(image, seen, now)
        case ImagePhase.PENDING:
            return _pending(image, seen, now)
        case ImagePhase.AVAILABLE | ImagePhase.FAILED:
            return _unseal(image, now)
        case ImagePhase.DELETING:
            return _deleting(image, seen, now)
        case ImagePhase.DELETED:
            return ImagePlan(image)
        case _ as impossible:
            assert_never(impossible)


def note(image: Image, step: ImageStep, outcome: ImageOutcome, now: datetime) -> Image:
    """The image after a call; what cannot pass by itself ends it, anything else is tried again."""
    match step, outcome:
        case SendSeal(parameters), SealSent(command_id):
            if parameters["deed"] == "unseal":
                return replace(image, is_unsealed=True)
            return replace(image, seal=replace(image.seal, command_id=command_id) if image.seal else None)
        case SendSeal(parameters), GiveUp() if parameters["deed"] == "seal":
            return _failed(image, f"SSM refused the command: {outcome.message} ({outcome.code})", now)
        case CreateImage(), Made(ami_id):
            return _made(image, ami_id, now)
        case CreateImage(), GiveUp() if "Duplicate" not in outcome.code:
            return _failed(image, f"EC2 refused to make it: {outcome.message} ({outcome.code})", now)
        case ((Deregister() | DeleteSnapshots()), GiveUp()) if image.reason.code != "delete_refused":
            sentence = f"AWS refuses to delete it: {outcome.message} ({outcome.code}); it is asked again"
            return replace(image, reason=because("delete_refused", sentence))
        case _:
            return image


def _sealing(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    run = image.seal
    if run is None:
        return _seal(image, now)
    if now - run.sent_at > SEAL_DEADLINE:
        return ImagePlan(_failed(image, f"{DOCUMENT} did not end on {image.instance_name}", now))
    if run.command_id is None:
        return _seal(image, now) if now - run.called_at >= RESEND_AFTER else ImagePlan(image)
    match seen.seal:
        case CommandView(status=CommandStatus.SUCCEEDED):
            return _create(_moved(image, ImagePhase.CREATING, because("creating", "asking EC2 to make it"), now), now)
        case CommandView(status=CommandStatus.FAILED) as command:
            said = next((step.output.strip() for step in command.steps if step.exit_code != 0), "") or command.detail
            return ImagePlan(_failed(image, f"{DOCUMENT} failed on {image.instance_name}: {said[-300:]}", now))
        case _:
            return ImagePlan(image)


def _creating(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    """What is there under its name is it: the answer to an earlier call was lost."""
    if isinstance(seen.ami, AmiView):
        return ImagePlan(_made(image, seen.ami.ami_id, now))
    if now - image.phase_since > IMAGE_DEADLINE:
        return ImagePlan(_failed(image, "EC2 has not made it", now))
    if isinstance(seen.ami, Unobserved) or (image.called_at and now - image.called_at < IMAGE_AGAIN):
        return ImagePlan(image)
    return _create(image, now)


def _pending(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    ami = seen.ami
    if isinstance(ami, AmiView):
        image = replace(image, snapshots=ami.snapshots or image.snapshots, progress=ami.progress)
        if ami.state == "available":
            size = ami.size_gib or image.disk_gib
            reason = because("available", f"{image.name} is there: {ami.ami_id}, {size} GiB")
            done = replace(_moved(image, ImagePhase.AVAILABLE, reason, now), progress=100, disk_gib=size)
            return _unseal(done, now)
        if ami.state != "pending":
            return ImagePlan(_failed(image, f"EC2 says {ami.state}: {ami.why or 'it does not say why'}", now))
    if now - image.phase_since > IMAGE_DEADLINE:
        return ImagePlan(_failed(image, f"EC2 has not finished it for {IMAGE_DEADLINE.seconds // 3600} hours", now))
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
        reason = because("deleted", f"{image.name} and its snapshots are gone")
        return ImagePlan(_moved(image, ImagePhase.DELETED, reason, now))
    return ImagePlan(replace(image, called_at=now), step)


def _seal(image: Image, now: datetime) -> ImagePlan:
    """The same attempt each time it is sent, so that the machine does it once."""
    run = image.seal or DocumentRun(attempt_id=f"{image.id}.seal", sent_at=now, called_at=now)
    run = replace(run, called_at=now)
    step = SendSeal({"attemptId": run.attempt_id, "deed": "seal"}, run.attempt_id)
    return ImagePlan(replace(image, seal=run), step)


def _unseal(image: Image, now: datetime) -> ImagePlan:
    """Once the copy is made, or given up; until SSM takes it, but not for ever: the instance may be gone.

    An instance that was rebooted for the image has made new secrets by then, and nothing is put back.
    """
    if image.seal is None or image.is_unsealed or (image.called_at and now - image.called_at < RESEND_AFTER):
        return ImagePlan(image)
    if now - image.seal.sent_at > IMAGE_UNSEAL_DEADLINE:
        return ImagePlan(replace(image, is_unsealed=True))
    attempt_id = f"{image.id}.unseal"
    return ImagePlan(replace(image, called_at=now), SendSeal({"attemptId": attempt_id, "deed": "unseal"}, attempt_id))


def _create(image: Image, now: datetime) -> ImagePlan:
    return ImagePlan(replace(image, called_at=now), CreateImage())


def _made(image: Image, ami_id: str, now: datetime) -> Image:
    reason = because("pending", f"EC2 is copying the disk to {ami_id}")
    return replace(_moved(image, ImagePhase.PENDING, reason, now), ami_id=ami_id)


def _failed(image: Image, why: str, now: datetime) -> Image:
    sentence = f"{image.name} could not be made: {why}. DELETE /images/{image.id} takes away what there is of it"
    return _moved(image, ImagePhase.FAILED, because("image_failed", sentence), now)


def _moved(image: Image, phase: ImagePhase, reason: Reason, now: datetime) -> Image:
    return replace(image, phase=phase, phase_since=now, reason=reason)

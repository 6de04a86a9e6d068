"""One decision about an image: the record, what was seen and the time give a plan; a call's outcome gives the next.

    requested -> sanitizing -> creating -> pending -> available -> deleting -> deleted
                    +-------------+-----------+--> failed ------------^

Sanitizing runs a document on the instance that takes secrets out of what will be copied; `unsealing` puts them back,
whatever becomes of the image.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.common.deadlines import (
    COMMAND_RESEND_AFTER,
    IMAGE_DEADLINE,
    IMAGE_RETRY_AFTER,
    SANITIZE_DEADLINE,
)
from chalicelib.domain.common.errors import PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_duration
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.images import secret_restore
from chalicelib.domain.images.plan import (
    IMAGE_DOCUMENT,
    AmiCreated,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageObservation,
    ImageOutcome,
    ImagePlan,
    ImageStep,
    ObservedAmi,
    SanitizeAction,
    SanitizeCommandSent,
    SendSanitize,
)
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, Image, ImagePhase
from chalicelib.domain.instances.lifecycle.plans import because
from chalicelib.domain.instances.observation import CommandStatus, ObservedCommand, Unavailable
from chalicelib.domain.setup.state import DocumentRun


def decide(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """What is to be done about an image."""
    plan = _decide(image, observation, now)
    if plan.image.phase in IN_PROGRESS_PHASES and now - image.created_at >= IMAGE_DEADLINE:
        return ImagePlan(_failed(plan.image, f"it was not ready within {format_duration(IMAGE_DEADLINE)}", now))
    return plan


def _decide(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    match image.phase:
        case ImagePhase.REQUESTED:
            return _seal(
                _moved(image, ImagePhase.SANITIZING, because(EventCode.SANITIZING, "taking secrets out"), now), now
            )
        case ImagePhase.SANITIZING:
            return _sealing(image, observation, now)
        case ImagePhase.CREATING:
            return _creating(image, observation, now)
        case ImagePhase.PENDING:
            return _pending(image, observation, now)
        case ImagePhase.DELETING:
            return _deleting(image, observation, now)
        case ImagePhase.AVAILABLE | ImagePhase.FAILED | ImagePhase.DELETED:
            return ImagePlan(image)
        case _ as impossible:
            assert_never(impossible)


def record_outcome(image: Image, step: ImageStep, outcome: ImageOutcome, now: datetime) -> Image:
    """The image after a call; what cannot pass by itself ends it, anything else is tried again."""
    match step, outcome:
        case SendSanitize(action=SanitizeAction.RESTORE), _:
            return secret_restore.record_outcome(image, outcome)
        case SendSanitize(), SanitizeCommandSent(command_id):
            return replace(
                image,
                sanitize=replace(
                    image.sanitize,
                    run=replace(image.sanitize.run, command_id=command_id) if image.sanitize.run else None,
                ),
            )
        case SendSanitize(), PermanentAwsError():
            why = f"SSM rejected the command: {outcome.description}"
            return _failed(
                image if _may_be_sealed(image) else replace(image, sanitize=replace(image.sanitize, run=None)), why, now
            )
        case CreateImage(), AmiCreated(ami_id):
            return _made(image, ami_id, now)
        case CreateImage(), PermanentAwsError() if "Duplicate" not in outcome.code:
            return _failed(image, f"EC2 rejected the call: {outcome.description}", now)
        case ((Deregister() | DeleteSnapshots()), PermanentAwsError()) if image.reason.code != EventCode.DELETE_REFUSED:
            message = f"AWS refuses to delete it: {outcome.message} ({outcome.code}); it is asked again"
            return replace(image, reason=because(EventCode.DELETE_REFUSED, message))
        case _:
            return image


def completion_entry(image: Image, now: datetime) -> TimelineEntry:
    """Return the timeline entry of the instance for an image that is ready, or could not be created."""
    code = EventCode.IMAGE_AVAILABLE if image.phase is ImagePhase.AVAILABLE else image.reason.code
    return timeline_entry(now, because(code, image.reason.message), details={"image": image.id})


def _may_be_sealed(image: Image) -> bool:
    """Where SSM was asked more than once, it may have taken the command, and only its answer was lost."""
    return image.sanitize.run is not None and image.sanitize.run.last_sent_at > image.sanitize.run.sent_at


def _sealing(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    run = image.sanitize.run
    if run is None:
        return _seal(image, now)
    if now - run.sent_at > SANITIZE_DEADLINE:
        return ImagePlan(_failed(image, f"{IMAGE_DOCUMENT} did not end on {image.source.instance_name}", now))
    if run.command_id is None:
        return _seal(image, now) if now - run.last_sent_at >= COMMAND_RESEND_AFTER else ImagePlan(image)
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED):
            return _create(
                _moved(image, ImagePhase.CREATING, because(EventCode.CREATING, "asking EC2 to make it"), now), now
            )
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            submitted = (
                next((step.output.strip() for step in command.steps if step.exit_code != 0), "")
                or command.status_details
            )
            return ImagePlan(
                _failed(image, f"{IMAGE_DOCUMENT} failed on {image.source.instance_name}: {submitted[-300:]}", now)
            )
        case _:
            return ImagePlan(image)


def _creating(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """What is there under its name is it: the answer to an earlier call was lost."""
    if isinstance(observation.ami, ObservedAmi):
        return ImagePlan(_made(image, observation.ami.ami_id, now))
    if isinstance(observation.ami, Unavailable) or (
        image.last_called_at and now - image.last_called_at < IMAGE_RETRY_AFTER
    ):
        return ImagePlan(image)
    return _create(image, now)


def _pending(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    ami = observation.ami
    if isinstance(ami, ObservedAmi):
        image = replace(
            image, ami=replace(image.ami, snapshots=ami.snapshots or image.ami.snapshots, progress=ami.progress)
        )
        if ami.state == "available":
            size = ami.size_gib or image.disk_gib
            message = (
                f"Image {image.name} of {image.source.instance_name} is ready: {ami.ami_id}, {size} GiB. "
                f"To use it, launch "
                f"with image {image.name}."
            )
            reason = because(EventCode.AVAILABLE, message)
            done = _moved(image, ImagePhase.AVAILABLE, reason, now)
            return ImagePlan(replace(done, disk_gib=size, ami=replace(done.ami, progress=100)))
        if ami.state != "pending":
            return ImagePlan(
                _failed(image, f"EC2 says {ami.state}: {ami.failure_reason or 'it does not say why'}", now)
            )
    return ImagePlan(image)


def _deleting(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """AMI first: a snapshot that an AMI uses cannot be deleted. Gone is only what EC2 does not show any more."""
    if isinstance(observation.ami, Unavailable) or isinstance(observation.snapshots, Unavailable):
        return ImagePlan(image)
    step: ImageStep
    if isinstance(observation.ami, ObservedAmi):
        image = replace(image, ami=replace(image.ami, snapshots=observation.ami.snapshots or image.ami.snapshots))
        step = Deregister(observation.ami.ami_id)
    elif observation.snapshots:
        step = DeleteSnapshots(observation.snapshots)
    else:
        reason = because(EventCode.DELETED, f"{image.name} and its snapshots are gone")
        return ImagePlan(_moved(image, ImagePhase.DELETED, reason, now))
    return ImagePlan(replace(image, last_called_at=now), step)


def _seal(image: Image, now: datetime) -> ImagePlan:
    """The same attempt each time it is sent, so that the machine does it once."""
    run = image.sanitize.run or DocumentRun(attempt_id=f"{image.id}.remove", sent_at=now, last_sent_at=now)
    run = replace(run, last_sent_at=now)
    step = SendSanitize(SanitizeAction.REMOVE, run.attempt_id)
    return ImagePlan(replace(image, sanitize=replace(image.sanitize, run=run)), step)


def _create(image: Image, now: datetime) -> ImagePlan:
    return ImagePlan(replace(image, last_called_at=now), CreateImage())


def _made(image: Image, ami_id: str, now: datetime) -> Image:
    reason = because(EventCode.PENDING, f"EC2 is copying the disk to {ami_id}")
    return replace(_moved(image, ImagePhase.PENDING, reason, now), ami=replace(image.ami, id=ami_id))


def _failed(image: Image, why: str, now: datetime) -> Image:
    message = (
        f"Image {image.name} of {image.source.instance_name} could not be created: {ensure_period(why)} "
        f"Delete the image to "
        "remove what was created of it, then create another one."
    )
    return _moved(image, ImagePhase.FAILED, because(EventCode.IMAGE_FAILED, message), now)


def _moved(image: Image, phase: ImagePhase, reason: EventReason, now: datetime) -> Image:
    return replace(image, phase=phase, phase_since=now, reason=reason)

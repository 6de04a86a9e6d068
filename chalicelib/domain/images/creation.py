"""State machine of an image. A decision turns a record and an observation into a plan; an outcome updates the record.

    requested -> sanitizing -> creating -> pending -> available -> deleting -> deleted
                    +-------------+-----------+--> failed ------------^

In phase sanitizing, a document on the instance removes the secrets that must not be in the image. `secret_restore`
restores them later, also if the image fails.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.common.aws_errors import AwsDuplicate, PermanentAwsError
from chalicelib.domain.common.deadlines import (
    COMMAND_RESEND_AFTER,
    IMAGE_DEADLINE,
    IMAGE_RETRY_AFTER,
    SANITIZE_DEADLINE,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.images import secret_restore
from chalicelib.domain.images.plan import (
    IMAGE_DOCUMENT,
    AmiCreated,
    CreateImage,
    DeleteSnapshots,
    Deregister,
    ImageDocumentSent,
    ImageObservation,
    ImageOutcome,
    ImagePlan,
    ImageStep,
    ObservedAmi,
    SecretsAction,
    SendImageDocument,
)
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, Image, ImagePhase
from chalicelib.domain.images.transitions import (
    to_available,
    to_creating,
    to_deleted,
    to_failed,
    to_pending,
    to_sanitizing,
)
from chalicelib.domain.instances.observation import CommandStatus, ObservedCommand, Unavailable
from chalicelib.domain.setup.command_end import CommandEnd, classify_end, describe_end, find_failed_step
from chalicelib.domain.setup.state import DocumentRun

MAX_OUTPUT_LENGTH = 300
"""Characters of the output of a failed document that the reason quotes."""


def decide(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """Return the plan for an image. An image that is not ready at its deadline fails."""
    plan = _decide_phase(image, observation, now)
    if plan.image.phase in IN_PROGRESS_PHASES and now - image.created_at >= IMAGE_DEADLINE:
        return ImagePlan(to_failed(plan.image, f"it was not ready within {format_duration(IMAGE_DEADLINE)}", now))
    return plan


def record_outcome(image: Image, step: ImageStep, outcome: ImageOutcome, now: datetime) -> Image:
    """Return the record after a call. A permanent error fails the image; after any other error the call is repeated."""
    match step, outcome:
        case SendImageDocument(action=SecretsAction.RESTORE), _:
            return secret_restore.record_outcome(image, outcome)
        case SendImageDocument(), ImageDocumentSent(command_id):
            run = replace(image.sanitize.run, command_id=command_id) if image.sanitize.run else None
            return replace(image, sanitize=replace(image.sanitize, run=run))
        case SendImageDocument(), PermanentAwsError():
            if not _may_have_run(image):
                image = replace(image, sanitize=replace(image.sanitize, run=None))
            return to_failed(image, f"SSM rejected the command: {outcome.description}", now)
        case CreateImage(), AmiCreated(ami_id):
            return to_pending(image, ami_id, now)
        case CreateImage(), AwsDuplicate():
            return image
        case CreateImage(), PermanentAwsError():
            return to_failed(image, f"EC2 rejected the call: {outcome.description}", now)
        case ((Deregister() | DeleteSnapshots()), PermanentAwsError()) if image.reason.code != EventCode.DELETE_REFUSED:
            message = f"AWS rejected the deletion of image {image.name}: {outcome.description} gpudesk tries again."
            return replace(image, reason=EventReason(code=EventCode.DELETE_REFUSED, message=message))
        case _:
            return image


def build_completion_entry(image: Image, now: datetime) -> TimelineEntry:
    """Return the timeline entry of the instance for an image that is available or failed."""
    code = EventCode.IMAGE_AVAILABLE if image.phase is ImagePhase.AVAILABLE else image.reason.code
    return timeline_entry(now, EventReason(code=code, message=image.reason.message), details={"image": image.id})


def _decide_phase(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    match image.phase:
        case ImagePhase.REQUESTED:
            return _send_removal(to_sanitizing(image, now), now)
        case ImagePhase.SANITIZING:
            return _decide_sanitizing(image, observation, now)
        case ImagePhase.CREATING:
            return _decide_creating(image, observation, now)
        case ImagePhase.PENDING:
            return _decide_pending(image, observation, now)
        case ImagePhase.DELETING:
            return _decide_deleting(image, observation, now)
        case ImagePhase.AVAILABLE | ImagePhase.FAILED | ImagePhase.DELETED:
            return ImagePlan(image)
        case _ as impossible:
            assert_never(impossible)


def _decide_sanitizing(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    run, name = image.sanitize.run, image.source.instance_name
    if run is None:
        return _send_removal(image, now)
    if now - run.sent_at > SANITIZE_DEADLINE:
        limit = format_duration(SANITIZE_DEADLINE)
        cause = f"{IMAGE_DOCUMENT} did not end on {name} within {limit}"
        if run.command_id is None:
            cause = f"SSM did not accept {IMAGE_DOCUMENT} for {name} within {limit}. Its agent may not be connected."
        return ImagePlan(to_failed(image, cause, now))
    if run.command_id is None:
        must_resend = now - run.last_sent_at >= COMMAND_RESEND_AFTER
        return _send_removal(image, now) if must_resend else ImagePlan(image)
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED):
            return _create_image(to_creating(image, now), now)
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            return ImagePlan(to_failed(image, _describe_failed_removal(command, name), now))
        case _:
            return ImagePlan(image)


def _describe_failed_removal(command: ObservedCommand, instance_name: str) -> str:
    """Return why the secrets were not removed, as a clause."""
    end = classify_end(command.status_details, command.steps)
    failed_step = find_failed_step(command.steps)
    if failed_step is None or end is not CommandEnd.STEP_FAILED:
        return f"{describe_end(IMAGE_DOCUMENT, command.status_details, command.steps)} on {instance_name}"
    output = failed_step.output.strip() or command.status_details
    return f"{IMAGE_DOCUMENT} failed on {instance_name}: {output[-MAX_OUTPUT_LENGTH:]}"


def _decide_creating(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """Record the AMI if EC2 shows one with the name of the image: the response was lost. Else repeat the call later."""
    if isinstance(observation.ami, ObservedAmi):
        return ImagePlan(to_pending(image, observation.ami.ami_id, now))
    was_called_recently = image.last_called_at is not None and now - image.last_called_at < IMAGE_RETRY_AFTER
    if isinstance(observation.ami, Unavailable) or was_called_recently:
        return ImagePlan(image)
    return _create_image(image, now)


def _decide_pending(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    ami = observation.ami
    if not isinstance(ami, ObservedAmi):
        return ImagePlan(image)
    snapshots = ami.snapshots or image.ami.snapshots
    image = replace(image, ami=replace(image.ami, snapshots=snapshots, progress=ami.progress))
    if ami.state == "available":
        return ImagePlan(to_available(image, ami, now))
    if ami.state != "pending":
        cause = f"EC2 reports the state {ami.state}: {ami.failure_reason or 'EC2 gives no reason'}"
        return ImagePlan(to_failed(image, cause, now))
    return ImagePlan(image)


def _decide_deleting(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """Delete the AMI first, because a snapshot cannot be deleted while an AMI uses it.

    The image is deleted when EC2 shows neither the AMI nor a snapshot.
    """
    if isinstance(observation.ami, Unavailable) or isinstance(observation.snapshots, Unavailable):
        return ImagePlan(image)
    step: ImageStep
    if isinstance(observation.ami, ObservedAmi):
        image = replace(image, ami=replace(image.ami, snapshots=observation.ami.snapshots or image.ami.snapshots))
        step = Deregister(observation.ami.ami_id)
    elif observation.snapshots:
        step = DeleteSnapshots(observation.snapshots)
    else:
        return ImagePlan(to_deleted(image, now))
    return ImagePlan(replace(image, last_called_at=now), step)


def _may_have_run(image: Image) -> bool:
    """Return whether the document may be running, because SSM accepted an earlier command and its response was lost."""
    return image.sanitize.run is not None and image.sanitize.run.last_sent_at > image.sanitize.run.sent_at


def _send_removal(image: Image, now: datetime) -> ImagePlan:
    """Send the document. The attempt id stays the same, so the instance runs it once."""
    run = image.sanitize.run or DocumentRun(attempt_id=f"{image.id}.remove", sent_at=now, last_sent_at=now)
    run = replace(run, last_sent_at=now)
    step = SendImageDocument(SecretsAction.REMOVE, run.attempt_id)
    return ImagePlan(replace(image, sanitize=replace(image.sanitize, run=run)), step)


def _create_image(image: Image, now: datetime) -> ImagePlan:
    return ImagePlan(replace(image, last_called_at=now), CreateImage())

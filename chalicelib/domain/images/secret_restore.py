"""Restore the secrets that were removed from the disk of an instance for an image.

The command is sent until it succeeds, until the instance stops or until the deadline. A stopped instance has lost the
removed secrets, which are in its memory only, and creates new ones when it starts.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, RESTORE_DEADLINE, SANITIZE_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_duration
from chalicelib.domain.images.plan import (
    IMAGE_DOCUMENT,
    ImageDocumentSent,
    ImageObservation,
    ImageOutcome,
    ImagePlan,
    ObservedAmi,
    SecretsAction,
    SendImageDocument,
)
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, Image, ImagePhase
from chalicelib.domain.instances.observation import CommandStatus, ObservedCommand
from chalicelib.domain.setup.state import DocumentRun

RESTORE_COMMAND = "sudo /opt/gpudesk/gpudesk-machine-secrets restore"


def decide(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """Return the plan for the secrets: no step if none are removed, or if the disk has no snapshot yet."""
    if not image.secrets_removed or not _can_restore(image, observation):
        return ImagePlan(image)
    name = image.source.instance_name
    if not observation.is_instance_running:
        message = (
            f"{name} was stopped while its secrets were removed for image {image.name}, so "
            f"{describe_regenerated_secrets(image)}."
        )
        return ImagePlan(_to_restored(image, EventCode.SECRETS_REGENERATED, message))
    run = image.sanitize.restore_run
    if run and run.command_id:
        match observation.command:
            case ObservedCommand(status=CommandStatus.SUCCEEDED):
                return ImagePlan(_record_success(image))
            case ObservedCommand(status=CommandStatus.FAILED):
                run = None
            case _ if now - run.last_sent_at <= SANITIZE_DEADLINE:
                return ImagePlan(image)
            case _:
                run = None
    if image.sanitize.restore_run and now - image.sanitize.restore_run.last_sent_at < COMMAND_RESEND_AFTER:
        return ImagePlan(image)
    if now - image.created_at >= RESTORE_DEADLINE:
        cause = f"{IMAGE_DOCUMENT} did not succeed within {format_duration(RESTORE_DEADLINE)}"
        return ImagePlan(_record_failure(image, cause))
    return _send_restore(image, run, now)


def record_outcome(image: Image, outcome: ImageOutcome) -> Image:
    """Return the record after SendCommand. A permanent error ends the attempts; any other error is retried."""
    match outcome:
        case ImageDocumentSent(command_id):
            run = image.sanitize.restore_run
            confirmed = replace(run, command_id=command_id) if run else None
            return replace(image, sanitize=replace(image.sanitize, restore_run=confirmed))
        case PermanentAwsError():
            return _record_failure(image, f"SSM rejected the command: {outcome.description}")
        case _:
            return image


def describe_regenerated_secrets(image: Image) -> str:
    """Return a clause about the new secrets and how to accept the new host key, which ssh treats as an attack."""
    return (
        "its ssh host keys and its Jupyter token are replaced by new ones. ssh rejects the new host key until you run "
        f"`ssh-keygen -R {image.source.instance_id}` on your own computer"
    )


def _can_restore(image: Image, observation: ImageObservation) -> bool:
    """Return whether the secrets can be written to the disk now without becoming part of the image."""
    if image.phase is ImagePhase.PENDING:
        return image.sanitize.restore_run is not None or (
            isinstance(observation.ami, ObservedAmi) and observation.ami.has_snapshot
        )
    return image.phase not in IN_PROGRESS_PHASES


def _send_restore(image: Image, run: DocumentRun | None, now: datetime) -> ImagePlan:
    """Send the document.

    :param run: a run that SSM has not confirmed: its attempt id is used again, and the instance runs it once; None: a
        new attempt
    """
    attempt_id = run.attempt_id if run else f"{image.id}.restore.{int(now.timestamp())}"
    sent = DocumentRun(attempt_id=attempt_id, sent_at=run.sent_at if run else now, last_sent_at=now)
    return ImagePlan(
        replace(image, sanitize=replace(image.sanitize, restore_run=sent)),
        SendImageDocument(SecretsAction.RESTORE, attempt_id),
    )


def _record_success(image: Image) -> Image:
    name = image.source.instance_name
    if image.ami.id and not image.no_reboot:
        message = f"{name} was rebooted for its image {image.name}, and {describe_regenerated_secrets(image)}."
        return _to_restored(image, EventCode.SECRETS_REGENERATED, message)
    message = f"The ssh host keys and the Jupyter token of {name} are restored on its disk."
    return _to_restored(image, EventCode.SECRETS_RESTORED, message)


def _record_failure(image: Image, cause: str) -> Image:
    name = image.source.instance_name
    message = (
        f"The ssh host keys and the Jupyter token of {name} could not be restored: {ensure_period(cause)} Open a shell "
        f"session and run `{RESTORE_COMMAND}`, or reboot {name} to create new ones."
    )
    return _to_restored(image, EventCode.SECRET_RESTORE_FAILED, message)


def _to_restored(image: Image, code: EventCode, message: str) -> Image:
    """Return the record of an image whose secrets need no more work."""
    reason = EventReason(code=code, message=message)
    return replace(image, sanitize=replace(image.sanitize, is_restored=True, restore_reason=reason))

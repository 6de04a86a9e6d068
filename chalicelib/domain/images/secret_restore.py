"""Putting back what was taken off an instance's disk for an image: sent until it has ended well, or is of no use."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, RESTORE_DEADLINE, SANITIZE_DEADLINE
from chalicelib.domain.common.errors import PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.images.plan import (
    IMAGE_DOCUMENT,
    ImageObservation,
    ImageOutcome,
    ImagePlan,
    ObservedAmi,
    SanitizeAction,
    SanitizeCommandSent,
    SendSanitize,
)
from chalicelib.domain.images.record import IN_PROGRESS_PHASES, Image, ImagePhase
from chalicelib.domain.instances.lifecycle.plans import because
from chalicelib.domain.instances.observation import CommandStatus, ObservedCommand
from chalicelib.domain.setup.state import DocumentRun

MANUAL_RESTORE_HINT = (
    "in a shell on it `sudo /opt/gpudesk/gpudesk-machine-secrets restore` puts them back, and a reboot makes new ones"
)


def decide(image: Image, observation: ImageObservation, now: datetime) -> ImagePlan:
    """Beside what is decided of the image: nothing where nothing is sealed, or before the disk's moment is taken.

    A machine that has stopped has lost what it kept, and makes new secrets.
    """
    if not image.secrets_removed or not _is_taken(image, observation):
        return ImagePlan(image)
    if not observation.instance_running:
        return ImagePlan(
            _over(
                image,
                EventCode.SECRETS_REGENERATED,
                f"it was stopped while it was sealed: {regenerated_secrets_message(image)}",
            )
        )
    run = image.sanitize.restore_run
    if run and run.command_id:
        match observation.command:
            case ObservedCommand(status=CommandStatus.SUCCEEDED):
                return ImagePlan(_back(image))
            case ObservedCommand(status=CommandStatus.FAILED):
                run = None
            case _ if now - run.last_sent_at <= SANITIZE_DEADLINE:
                return ImagePlan(image)
            case _:
                run = None
    if image.sanitize.restore_run and now - image.sanitize.restore_run.last_sent_at < COMMAND_RESEND_AFTER:
        return ImagePlan(image)
    if now - image.created_at >= RESTORE_DEADLINE:
        return ImagePlan(_given_up(image, f"it has not ended well within {format_duration(RESTORE_DEADLINE)}"))
    return _send(image, run, now)


def record_outcome(image: Image, outcome: ImageOutcome) -> Image:
    """The image after SSM was asked: whatever may pass is tried again while the machine runs."""
    match outcome:
        case SanitizeCommandSent(command_id):
            return replace(
                image,
                sanitize=replace(
                    image.sanitize,
                    restore_run=replace(image.sanitize.restore_run, command_id=command_id)
                    if image.sanitize.restore_run
                    else None,
                ),
            )
        case PermanentAwsError():
            return _given_up(image, f"SSM refused the command, {outcome.message} ({outcome.code})")
        case _:
            return image


def regenerated_secrets_message(image: Image) -> str:
    """What people will meet, and the way out: ssh takes another key under a known name for an attack."""
    return (
        "its ssh host keys and Jupyter's token are made anew. ssh refuses the changed key until "
        f"`ssh-keygen -R {image.source.instance_id}` has it forget the old one"
    )


def _is_taken(image: Image, observation: ImageObservation) -> bool:
    """Whether nothing of the disk will be copied any more that is written from now on."""
    if image.phase is ImagePhase.PENDING:
        return image.sanitize.restore_run is not None or (
            isinstance(observation.ami, ObservedAmi) and observation.ami.snapshot_taken
        )
    return image.phase not in IN_PROGRESS_PHASES


def _send(image: Image, run: DocumentRun | None, now: datetime) -> ImagePlan:
    """What was not confirmed is the same attempt again, which a machine does once; what failed, another one."""
    attempt_id = run.attempt_id if run else f"{image.id}.restore.{int(now.timestamp())}"
    sent = DocumentRun(attempt_id=attempt_id, sent_at=run.sent_at if run else now, last_sent_at=now)
    return ImagePlan(
        replace(image, sanitize=replace(image.sanitize, restore_run=sent)),
        SendSanitize(SanitizeAction.RESTORE, attempt_id),
    )


def _back(image: Image) -> Image:
    if image.ami.id and not image.no_reboot:
        return _over(
            image,
            EventCode.SECRETS_REGENERATED,
            f"it was rebooted for its image {image.name}: {regenerated_secrets_message(image)}",
        )
    return _over(image, EventCode.SECRETS_RESTORED, "its ssh host keys and Jupyter's token are back on its disk")


def _given_up(image: Image, why: str) -> Image:
    message = (
        f"its ssh host keys and Jupyter's token could not be put back by {IMAGE_DOCUMENT}: {why}; {MANUAL_RESTORE_HINT}"
    )
    return _over(image, EventCode.SECRET_RESTORE_FAILED, message)


def _over(image: Image, code: EventCode, message: str) -> Image:
    return replace(image, sanitize=replace(image.sanitize, is_restored=True, restore_reason=because(code, message)))

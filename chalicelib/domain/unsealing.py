"""Putting back what was taken off an instance's disk for an image: sent until it has ended well, or is of no use."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.errors import GiveUp
from chalicelib.domain.image_plan import DOCUMENT, AmiView, ImageOutcome, ImagePlan, ImageSeen, SealSent, SendSeal
from chalicelib.domain.images import BEING_MADE, Image, ImagePhase
from chalicelib.domain.instance import DocumentRun
from chalicelib.domain.lifecycle.rules import because
from chalicelib.domain.observation import CommandStatus, CommandView
from chalicelib.domain.timings import RESEND_AFTER, SEAL_DEADLINE, UNSEAL_DEADLINE

BY_HAND = (
    "in a shell on it `sudo /opt/gpudesk/gpudesk-machine-secrets restore` puts them back, and a reboot makes new ones"
)


def decide(image: Image, seen: ImageSeen, now: datetime) -> ImagePlan:
    """Beside what is decided of the image: nothing where nothing is sealed, or before the disk's moment is taken.

    A machine that has stopped has lost what it kept, and makes new secrets.
    """
    if not image.is_sealed or not _is_taken(image, seen):
        return ImagePlan(image)
    if not seen.runs:
        return ImagePlan(
            _over(image, EventCode.SECRETS_REGENERATED, f"it was stopped while it was sealed: {new_secrets(image)}")
        )
    run = image.unseal
    if run and run.command_id:
        match seen.command:
            case CommandView(status=CommandStatus.SUCCEEDED):
                return ImagePlan(_back(image))
            case CommandView(status=CommandStatus.FAILED):
                run = None
            case _ if now - run.called_at <= SEAL_DEADLINE:
                return ImagePlan(image)
            case _:
                run = None
    if image.unseal and now - image.unseal.called_at < RESEND_AFTER:
        return ImagePlan(image)
    if now - image.created_at >= UNSEAL_DEADLINE:
        return ImagePlan(_given_up(image, f"it has not ended well within {UNSEAL_DEADLINE.seconds // 3600} hours"))
    return _send(image, run, now)


def note(image: Image, outcome: ImageOutcome) -> Image:
    """The image after SSM was asked: whatever may pass is tried again while the machine runs."""
    match outcome:
        case SealSent(command_id):
            return replace(image, unseal=replace(image.unseal, command_id=command_id) if image.unseal else None)
        case GiveUp():
            return _given_up(image, f"SSM refused the command, {outcome.message} ({outcome.code})")
        case _:
            return image


def new_secrets(image: Image) -> str:
    """What people will meet, and the way out: ssh takes another key under a known name for an attack."""
    return (
        "its ssh host keys and Jupyter's token are made anew. ssh refuses the changed key until "
        f"`ssh-keygen -R {image.instance_id}` has it forget the old one"
    )


def _is_taken(image: Image, seen: ImageSeen) -> bool:
    """Whether nothing of the disk will be copied any more that is written from now on."""
    if image.phase is ImagePhase.PENDING:
        return image.unseal is not None or (isinstance(seen.ami, AmiView) and seen.ami.is_taken)
    return image.phase not in BEING_MADE


def _send(image: Image, run: DocumentRun | None, now: datetime) -> ImagePlan:
    """What was not confirmed is the same attempt again, which a machine does once; what failed, another one."""
    attempt_id = run.attempt_id if run else f"{image.id}.restore.{int(now.timestamp())}"
    sent = DocumentRun(attempt_id=attempt_id, sent_at=run.sent_at if run else now, called_at=now)
    return ImagePlan(replace(image, unseal=sent), SendSeal({"attemptId": attempt_id, "action": "restore"}, attempt_id))


def _back(image: Image) -> Image:
    if image.ami_id and not image.no_reboot:
        return _over(
            image, EventCode.SECRETS_REGENERATED, f"it was rebooted for its image {image.name}: {new_secrets(image)}"
        )
    return _over(image, EventCode.SECRETS_RESTORED, "its ssh host keys and Jupyter's token are back on its disk")


def _given_up(image: Image, why: str) -> Image:
    sentence = f"its ssh host keys and Jupyter's token could not be put back by {DOCUMENT}: {why}; {BY_HAND}"
    return _over(image, EventCode.SECRET_RESTORE_FAILED, sentence)


def _over(image: Image, code: EventCode, sentence: str) -> Image:
    return replace(image, is_unsealed=True, unseal_reason=because(code, sentence))

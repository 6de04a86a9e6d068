"""Restoration of secrets: when the command is sent, how often it is repeated, and when the attempts end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.common.aws_errors import AwsNotFound, PermanentAwsError, TransientAwsError
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, IMAGE_DEADLINE, RESTORE_DEADLINE, SANITIZE_DEADLINE
from chalicelib.domain.images import creation
from chalicelib.domain.images.creation import record_outcome
from chalicelib.domain.images.plan import ImageDocumentSent, ImageObservation, SecretsAction, SendImageDocument
from chalicelib.domain.images.record import AmiState, Image, ImagePhase, SanitizeState
from chalicelib.domain.images.secret_restore import decide
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, ObservedCommand, Unavailable
from chalicelib.domain.setup.state import DocumentRun
from tests.unit.images.test_creation import AMI, NOTHING_OBSERVED, NOW, SANITIZE_RUN, build_image

UNCONFIRMED_RUN = DocumentRun(attempt_id="gi-1.restore.1", sent_at=NOW, last_sent_at=NOW)
CONFIRMED_RUN = replace(UNCONFIRMED_RUN, command_id="c-2")
SECOND = timedelta(seconds=1)


def observe_command(status: CommandStatus) -> ImageObservation:
    return ImageObservation(
        ami=NotVisible(), command=ObservedCommand(command_id="c-2", status=status, status_details=str(status), steps=())
    )


def decide_attempt_id(
    sanitized: Image, observation: ImageObservation = NOTHING_OBSERVED, after: timedelta = COMMAND_RESEND_AFTER
) -> str | None:
    step = decide(sanitized, observation, NOW + after).step
    assert step is None or isinstance(step, SendImageDocument)
    return step.attempt_id if step else None


def test_secrets_are_restored_when_every_disk_has_a_snapshot() -> None:
    pending = build_image(ImagePhase.PENDING, ami=AmiState(id="ami-1"))
    not_yet = decide(pending, ImageObservation(ami=AMI), NOW)
    assert (not_yet.step, not_yet.image) == (None, pending)
    sent = decide(pending, ImageObservation(ami=replace(AMI, has_snapshot=True)), NOW)
    assert isinstance(sent.step, SendImageDocument)
    assert (sent.image.phase, sent.step.parameters["action"]) == (ImagePhase.PENDING, "restore")
    assert decide_attempt_id(sent.image) == sent.step.attempt_id, "sent again although EC2 no longer shows the AMI"
    for over in (ImagePhase.AVAILABLE, ImagePhase.FAILED):
        assert decide_attempt_id(build_image(over)) is not None


def test_secrets_are_restored_when_the_command_has_succeeded() -> None:
    unconfirmed = build_image(
        ImagePhase.AVAILABLE, sanitize=SanitizeState(run=SANITIZE_RUN, restore_run=UNCONFIRMED_RUN)
    )
    sent = record_outcome(unconfirmed, SendImageDocument(SecretsAction.RESTORE, "a"), ImageDocumentSent("c-2"), NOW)
    assert (sent.secrets_removed, sent.needs_work, sent.sanitize.restore_run) == (True, True, CONFIRMED_RUN)
    assert decide(sent, observe_command(CommandStatus.RUNNING), NOW).image == sent
    done = decide(sent, observe_command(CommandStatus.SUCCEEDED), NOW).image
    assert (done.secrets_removed, done.needs_work) == (False, False)


@pytest.mark.parametrize(("no_reboot", "code"), [(True, "secrets_restored"), (False, "secrets_regenerated")])
def test_reason_says_whether_the_host_key_has_changed(no_reboot: bool, code: str) -> None:
    sent = build_image(
        ImagePhase.PENDING,
        ami=AmiState(id="ami-1"),
        sanitize=SanitizeState(run=SANITIZE_RUN, restore_run=CONFIRMED_RUN),
        no_reboot=no_reboot,
    )
    reason = decide(sent, observe_command(CommandStatus.SUCCEEDED), NOW).image.sanitize.restore_reason
    assert reason is not None
    assert reason.code == code
    assert ("ssh-keygen -R gd-1" in reason.message) is not no_reboot


def test_command_that_failed_or_did_not_end_is_sent_again_with_a_new_attempt_id() -> None:
    sent = build_image(ImagePhase.AVAILABLE, sanitize=SanitizeState(run=SANITIZE_RUN, restore_run=CONFIRMED_RUN))
    assert decide_attempt_id(sent, observe_command(CommandStatus.FAILED), SECOND) is None, (
        "sent again only after a delay"
    )
    again = decide_attempt_id(sent, observe_command(CommandStatus.FAILED))
    assert again not in (None, CONFIRMED_RUN.attempt_id)
    assert decide_attempt_id(sent, after=SANITIZE_DEADLINE) is None
    assert decide_attempt_id(sent, after=SANITIZE_DEADLINE + SECOND) not in (None, CONFIRMED_RUN.attempt_id)
    assert decide_attempt_id(sent, ImageObservation(ami=NotVisible(), command=Unavailable("throttled"))) is None


def test_command_that_ssm_has_not_confirmed_is_sent_again_with_the_same_attempt_id() -> None:
    unconfirmed = build_image(
        ImagePhase.AVAILABLE, sanitize=SanitizeState(run=SANITIZE_RUN, restore_run=UNCONFIRMED_RUN)
    )
    for error in (TransientAwsError("Throttling", ""), AwsNotFound("InvalidInstanceId", "its agent is not back yet")):
        assert record_outcome(unconfirmed, SendImageDocument(SecretsAction.RESTORE, "a"), error, NOW) == unconfirmed
    assert decide_attempt_id(unconfirmed, after=SECOND) is None
    assert decide_attempt_id(unconfirmed) == UNCONFIRMED_RUN.attempt_id


def test_rejected_command_ends_the_attempts_with_advice() -> None:
    unconfirmed = build_image(ImagePhase.FAILED, sanitize=SanitizeState(run=SANITIZE_RUN, restore_run=UNCONFIRMED_RUN))
    rejected = record_outcome(
        unconfirmed, SendImageDocument(SecretsAction.RESTORE, "a"), PermanentAwsError("AccessDenied", "no"), NOW
    )
    assert not rejected.needs_work
    assert rejected.sanitize.restore_reason is not None
    assert rejected.sanitize.restore_reason.code == "secret_restore_failed"
    assert "sudo /opt/gpudesk/gpudesk-machine-secrets restore" in rejected.sanitize.restore_reason.message


def test_no_command_is_sent_to_an_instance_that_does_not_run() -> None:
    for phase in (ImagePhase.FAILED, ImagePhase.AVAILABLE, ImagePhase.DELETED):
        plan = decide(build_image(phase), ImageObservation(ami=NotVisible(), is_instance_running=False), NOW)
        assert (plan.step, plan.image.needs_work) == (None, False)


def test_attempts_end_after_the_deadline_of_an_image() -> None:
    late = build_image(ImagePhase.FAILED, created_at=NOW - IMAGE_DEADLINE)
    assert decide_attempt_id(late) is not None
    lost = decide(
        build_image(ImagePhase.FAILED, sanitize=SanitizeState(run=SANITIZE_RUN, restore_run=UNCONFIRMED_RUN)),
        NOTHING_OBSERVED,
        NOW + RESTORE_DEADLINE,
    )
    assert (lost.step, lost.image.needs_work) == (None, False)


def test_secrets_are_restored_after_the_image_is_deleted() -> None:
    going = build_image(ImagePhase.DELETING, sanitize=SanitizeState(run=SANITIZE_RUN, restore_run=CONFIRMED_RUN))
    gone = creation.decide(going, NOTHING_OBSERVED, NOW).image
    assert (gone.phase, gone.needs_work) == (ImagePhase.DELETED, True)
    for sanitized in (going, gone):
        assert decide_attempt_id(sanitized, observe_command(CommandStatus.FAILED)) is not None
    assert not decide(gone, observe_command(CommandStatus.SUCCEEDED), NOW).image.needs_work


def test_command_that_was_rejected_at_once_leaves_nothing_to_restore() -> None:
    unconfirmed = build_image(ImagePhase.SANITIZING, sanitize=SanitizeState(run=replace(SANITIZE_RUN, command_id=None)))
    step = SendImageDocument(SecretsAction.REMOVE, SANITIZE_RUN.attempt_id)
    rejected = record_outcome(unconfirmed, step, PermanentAwsError("AccessDenied", "no"), NOW)
    assert (rejected.phase, rejected.needs_work) == (ImagePhase.FAILED, False)
    twice = replace(
        unconfirmed,
        sanitize=replace(
            unconfirmed.sanitize, run=replace(SANITIZE_RUN, command_id=None, last_sent_at=NOW + COMMAND_RESEND_AFTER)
        ),
    )
    assert record_outcome(twice, step, PermanentAwsError("AccessDenied", "no"), NOW).needs_work, (
        "the first response may have been lost"
    )

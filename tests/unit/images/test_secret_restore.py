"""What was taken off a disk for an image: when it is put back, how often that is tried, and when it is given up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, IMAGE_DEADLINE, RESTORE_DEADLINE, SANITIZE_DEADLINE
from chalicelib.domain.common.errors import AwsNotFound, PermanentAwsError, TransientAwsError
from chalicelib.domain.images import creation
from chalicelib.domain.images.creation import record_outcome
from chalicelib.domain.images.plan import ImageObservation, SanitizeAction, SanitizeCommandSent, SendSanitize
from chalicelib.domain.images.record import AmiState, Image, ImagePhase, SanitizeState
from chalicelib.domain.images.secret_restore import decide
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, ObservedCommand, Unavailable
from chalicelib.domain.setup.state import DocumentRun
from tests.unit.images.test_creation import AMI, NOTHING, NOW, SEALED, image

ASKED = DocumentRun(attempt_id="gi-1.restore.1", sent_at=NOW, last_sent_at=NOW)
SENT = replace(ASKED, command_id="c-2")
SECOND = timedelta(seconds=1)


def ended(status: CommandStatus) -> ImageObservation:
    return ImageObservation(
        ami=NotVisible(), command=ObservedCommand(command_id="c-2", status=status, status_details=str(status), steps=())
    )


def attempt(
    sealed: Image, observation: ImageObservation = NOTHING, after: timedelta = COMMAND_RESEND_AFTER
) -> str | None:
    step = decide(sealed, observation, NOW + after).step
    assert step is None or isinstance(step, SendSanitize)
    return step.attempt_id if step else None


def test_secrets_are_put_back_as_soon_as_every_disk_has_its_snapshot() -> None:
    pending = image(ImagePhase.PENDING, ami=AmiState(id="ami-1"))
    not_yet = decide(pending, ImageObservation(ami=AMI), NOW)
    assert (not_yet.step, not_yet.image) == (None, pending)
    taken = decide(pending, ImageObservation(ami=replace(AMI, snapshot_taken=True)), NOW)
    assert isinstance(taken.step, SendSanitize)
    assert (taken.image.phase, taken.step.parameters["action"]) == (ImagePhase.PENDING, "restore")
    assert attempt(taken.image) == taken.step.attempt_id, "EC2 need not show it again"
    for over in (ImagePhase.AVAILABLE, ImagePhase.FAILED):
        assert attempt(image(over)) is not None


def test_they_are_back_only_when_the_command_has_ended_well() -> None:
    asked = image(ImagePhase.AVAILABLE, sanitize=SanitizeState(run=SEALED, restore_run=ASKED))
    sent = record_outcome(asked, SendSanitize(SanitizeAction.RESTORE, "a"), SanitizeCommandSent("c-2"), NOW)
    assert (sent.secrets_removed, sent.needs_work, sent.sanitize.restore_run) == (True, True, SENT)
    assert decide(sent, ended(CommandStatus.RUNNING), NOW).image == sent
    done = decide(sent, ended(CommandStatus.SUCCEEDED), NOW).image
    assert (done.secrets_removed, done.needs_work) == (False, False)


@pytest.mark.parametrize(("no_reboot", "code"), [(True, "secrets_restored"), (False, "secrets_regenerated")])
def test_what_became_of_them_is_said_and_how_to_get_in_again(no_reboot: bool, code: str) -> None:
    sent = image(
        ImagePhase.PENDING,
        ami=AmiState(id="ami-1"),
        sanitize=SanitizeState(run=SEALED, restore_run=SENT),
        no_reboot=no_reboot,
    )
    reason = decide(sent, ended(CommandStatus.SUCCEEDED), NOW).image.sanitize.restore_reason
    assert reason is not None
    assert reason.code == code
    assert ("ssh-keygen -R gd-1" in reason.message) is not no_reboot


def test_what_failed_or_never_ended_is_sent_again_as_another_attempt() -> None:
    sent = image(ImagePhase.AVAILABLE, sanitize=SanitizeState(run=SEALED, restore_run=SENT))
    assert attempt(sent, ended(CommandStatus.FAILED), SECOND) is None, "not at once"
    again = attempt(sent, ended(CommandStatus.FAILED))
    assert again not in (None, SENT.attempt_id)
    assert attempt(sent, after=SANITIZE_DEADLINE) is None
    assert attempt(sent, after=SANITIZE_DEADLINE + SECOND) not in (None, SENT.attempt_id)
    assert attempt(sent, ImageObservation(ami=NotVisible(), command=Unavailable("throttled"))) is None


def test_what_ssm_has_not_confirmed_is_the_same_attempt_again() -> None:
    asked = image(ImagePhase.AVAILABLE, sanitize=SanitizeState(run=SEALED, restore_run=ASKED))
    for error in (TransientAwsError("Throttling", ""), AwsNotFound("InvalidInstanceId", "its agent is not back yet")):
        assert record_outcome(asked, SendSanitize(SanitizeAction.RESTORE, "a"), error, NOW) == asked
    assert attempt(asked, after=SECOND) is None
    assert attempt(asked) == ASKED.attempt_id


def test_a_command_that_is_refused_is_given_up_with_what_to_do() -> None:
    asked = image(ImagePhase.FAILED, sanitize=SanitizeState(run=SEALED, restore_run=ASKED))
    refused = record_outcome(
        asked, SendSanitize(SanitizeAction.RESTORE, "a"), PermanentAwsError("AccessDenied", "no"), NOW
    )
    assert not refused.needs_work
    assert refused.sanitize.restore_reason is not None
    assert refused.sanitize.restore_reason.code == "secret_restore_failed"
    assert "sudo /opt/gpudesk/gpudesk-machine-secrets restore" in refused.sanitize.restore_reason.message


def test_a_machine_that_runs_no_more_is_sent_nothing() -> None:
    for phase in (ImagePhase.FAILED, ImagePhase.AVAILABLE, ImagePhase.DELETED):
        plan = decide(image(phase), ImageObservation(ami=NotVisible(), instance_running=False), NOW)
        assert (plan.step, plan.image.needs_work) == (None, False)


def test_it_is_not_tried_for_ever_and_longer_than_an_image_may_take() -> None:
    late = image(ImagePhase.FAILED, created_at=NOW - IMAGE_DEADLINE)
    assert attempt(late) is not None
    lost = decide(
        image(ImagePhase.FAILED, sanitize=SanitizeState(run=SEALED, restore_run=ASKED)), NOTHING, NOW + RESTORE_DEADLINE
    )
    assert (lost.step, lost.image.needs_work) == (None, False)


def test_whoever_deletes_the_image_leaves_no_machine_sealed() -> None:
    going = image(ImagePhase.DELETING, sanitize=SanitizeState(run=SEALED, restore_run=SENT))
    gone = creation.decide(going, NOTHING, NOW).image
    assert (gone.phase, gone.needs_work) == (ImagePhase.DELETED, True)
    for sealed in (going, gone):
        assert attempt(sealed, ended(CommandStatus.FAILED)) is not None
    assert not decide(gone, ended(CommandStatus.SUCCEEDED), NOW).image.needs_work


def test_a_seal_that_was_refused_at_once_leaves_nothing_to_be_put_back() -> None:
    asked = image(ImagePhase.SANITIZING, sanitize=SanitizeState(run=replace(SEALED, command_id=None)))
    step = SendSanitize(SanitizeAction.REMOVE, SEALED.attempt_id)
    refused = record_outcome(asked, step, PermanentAwsError("AccessDenied", "no"), NOW)
    assert (refused.phase, refused.needs_work) == (ImagePhase.FAILED, False)
    twice = replace(
        asked,
        sanitize=replace(asked.sanitize, run=replace(SEALED, command_id=None, last_sent_at=NOW + COMMAND_RESEND_AFTER)),
    )
    assert record_outcome(twice, step, PermanentAwsError("AccessDenied", "no"), NOW).needs_work, (
        "the first answer may have been lost"
    )

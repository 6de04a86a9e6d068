"""Build and describe the result of a document that has ended, and find out why it failed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib.domain.common.text import pluralize
from chalicelib.domain.instances.observation import ObservedCommand
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.command_end import CommandEnd, classify_end, find_failed_step
from chalicelib.domain.setup.installed_documents import hash_recipe_document
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import DocumentResult, Failure, StepDurations, StepResult
from chalicelib.domain.setup.state import DocumentRun
from chalicelib.domain.setup.step_output import (
    MESSAGE_PREFIX,
    StepOutput,
    count_reboots,
    find_remediation,
    select_relevant_lines,
    was_skipped,
)

NOT_ENDED_REMEDIATION = (
    "The instance may hang, or the command was lost: look for the cause in a session, or stop and start the instance."
)
REMEDIATION_BY_END = {
    CommandEnd.NOT_TAKEN: "If this happens again, stop and start the instance.",
    CommandEnd.INTERRUPTED: "If this happens again, look for the cause in a session: "
    "`journalctl -b -1` shows what was logged before a reboot.",
    CommandEnd.NO_REPORT: "The SSM agent may have been replaced or restarted meanwhile: Ubuntu updates it as a snap. "
    "If this happens again, look for the cause in a session.",
}
"""Remediation for a command without a failed step."""


def build_success_result(
    document: RecipeDocument, run: DocumentRun, command: ObservedCommand, now: datetime
) -> DocumentResult:
    """Build the result of a document that succeeded."""
    return _build_result(document, run, command.steps, now, succeeded=True)


def build_failure_result(
    document: RecipeDocument, run: DocumentRun, command: ObservedCommand | None, now: datetime
) -> tuple[DocumentResult, Failure]:
    """Build the result of a document that failed, and the explanation of the failure.

    :param command: None if the command did not end in time
    """
    result = _build_result(document, run, command.steps if command else (), now, succeeded=False)
    if command is None:
        return result, Failure(document=document.name, at=now, remediation=NOT_ENDED_REMEDIATION)
    end = classify_end(command.status_details, command.steps)
    step = find_failed_step(command.steps)
    if step is None or end is not CommandEnd.STEP_FAILED:
        return result, Failure(document=document.name, at=now, remediation=REMEDIATION_BY_END[end])
    failure = Failure(
        document=document.name,
        at=now,
        step=step.name,
        exit_code=step.exit_code,
        output_lines=select_relevant_lines(step),
        remediation=find_remediation(step),
    )
    return result, failure


def describe_result(result: DocumentResult, instance_name: str, position: str) -> str:
    """Return the timeline message about a document that succeeded.

    :param position: of the document in its setup, as "document 1 of 2"
    """
    steps = ", ".join(f"{step.name} {_describe_step(step)}" for step in result.steps)
    by_step = f": {steps}" if steps else ""
    seconds = _round_seconds(result.duration)
    return (
        f"{result.name} succeeded on {instance_name} after {seconds} s ({position}){by_step}; "
        f"{_describe_amounts([result])}."
    )


def describe_setup(instance: Instance, now: datetime) -> str:
    """Return how long the whole setup took and what it did, failed attempts included, as the end of a sentence."""
    results = [result for result in instance.setup.results if result.ended_at >= instance.phase_since]
    return f"in {_round_seconds(now - instance.phase_since)} s, {_describe_amounts(results)}"


def describe_failure(failure: Failure, cause: str, addition: str = "") -> str:
    """Return what failed, in which step, and the lines of its output that matter, as a clause.

    :param cause: used if no step is known to have failed
    :param addition: follows what failed, before the output, which can be long: " on NAME", ", 3 times"
    """
    if failure.step is None:
        return f"{cause}{addition}"
    output = " / ".join(line.rstrip(".") if line.startswith(MESSAGE_PREFIX) else line for line in failure.output_lines)
    failed = f"{failure.document} failed in step {failure.step} with exit code {failure.exit_code}"
    return f"{failed}{addition} ({output or 'no output'})"


def collect_step_durations(result: DocumentResult, instance_type: str) -> StepDurations | None:
    """Return how long each step took, to estimate later runs.

    :returns: None if a step was skipped or has no times, since the sum would then be too short
    """
    durations = tuple(
        (step.name, step.duration) for step in result.steps if step.duration is not None and not step.skipped
    )
    if not durations or len(durations) < len(result.steps):
        return None
    return StepDurations(result.name, instance_type, durations)


def _build_result(
    document: RecipeDocument, run: DocumentRun, steps: Sequence[StepOutput], now: datetime, *, succeeded: bool
) -> DocumentResult:
    started = [step.started_at for step in steps if step.started_at]
    ended = [step.ended_at for step in steps if step.ended_at]
    return DocumentResult(
        name=document.name,
        succeeded=succeeded,
        started_at=min(started, default=run.sent_at),
        ended_at=max(ended, default=now),
        steps=tuple(_to_step_result(step) for step in steps),
        reboots=sum(count_reboots(step) for step in steps),
        output_bytes=sum(len(step.output.encode()) for step in steps),
        recipe_hash=hash_recipe_document(document),
        parameters_hash=run.parameters_hash,
        document_hash=run.document_hash,
    )


def _to_step_result(step: StepOutput) -> StepResult:
    return StepResult(
        name=step.name,
        status=step.status,
        exit_code=step.exit_code,
        started_at=step.started_at,
        ended_at=step.ended_at,
        skipped=was_skipped(step),
    )


def _describe_step(step: StepResult) -> str:
    if step.skipped:
        return "was done before"
    return f"{_round_seconds(step.duration)} s" if step.duration is not None else "did not run"


def _describe_amounts(results: Sequence[DocumentResult]) -> str:
    count = sum(result.reboots for result in results)
    reboots = pluralize(count, "reboot") if count else "no reboot"
    return f"{reboots}, {sum(result.output_bytes for result in results):,} bytes of output"


def _round_seconds(duration: timedelta) -> int:
    return round(duration.total_seconds())

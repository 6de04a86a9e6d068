"""A document that has ended: what became of it, in figures and in words, and why it failed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib.domain.instances.observation import ObservedCommand
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.installed_documents import hash_recipe_document
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import DocumentResult, Failure, StepDurations, StepResult
from chalicelib.domain.setup.state import DocumentRun
from chalicelib.domain.setup.step_output import (
    StepOutput,
    count_reboots,
    find_remediation,
    select_relevant_lines,
    was_skipped,
)

FINE = ("Success", "Skipped")

NOT_ENDED = (
    "The machine may have hung, or the command was lost: look into it in a session, or stop the instance and start it"
)
NO_STEP = {
    "DeliveryTimedOut": "SSM did not reach the agent in time: stop the instance and start it",
    "Undeliverable": "SSM could not reach the agent: stop the instance and start it",
}


def build_success_result(
    document: RecipeDocument, run: DocumentRun, command: ObservedCommand, now: datetime
) -> DocumentResult:
    """What is kept of one that ended well."""
    return _result(document, run, command.steps, now, succeeded=True)


def build_failure_result(
    document: RecipeDocument, run: DocumentRun, command: ObservedCommand | None, now: datetime
) -> tuple[DocumentResult, Failure]:
    """What is kept of one that failed, and why it did.

    :param command: None where it has not ended within its time
    """
    result = _result(document, run, command.steps if command else (), now, succeeded=False)
    if command is None:
        return result, Failure(document=document.name, at=now, remediation=NOT_ENDED)
    step = next((each for each in command.steps if each.exit_code != 0 or each.status not in FINE), None)
    if step is None:
        hint = NO_STEP.get(command.status_details, f"SSM says {command.status_details}; {NOT_ENDED}")
        return result, Failure(document=document.name, at=now, remediation=hint)
    failure = Failure(
        document=document.name,
        at=now,
        step=step.name,
        exit_code=step.exit_code,
        output_lines=select_relevant_lines(step),
        remediation=find_remediation(step),
    )
    return result, failure


def describe_result(result: DocumentResult, position: str) -> str:
    """The line of the timeline."""
    steps = ", ".join(f"{step.name} {_step_in_words(step)}" for step in result.steps)
    by_step = f": {steps}" if steps else ""
    return f"{result.name} is done, it took {_seconds(result.duration)} s ({position}){by_step}; {_amounts([result])}"


def describe_setup(instance: Instance, now: datetime) -> str:
    """What the whole setup came to, its failed tries included."""
    results = [result for result in instance.setup.results if result.ended_at >= instance.phase_since]
    return f"in {_seconds(now - instance.phase_since)} s, {_amounts(results)}"


def describe_failure(failure: Failure, otherwise: str) -> str:
    """What failed, where, and what it said; `otherwise` where no step is known to have failed."""
    if failure.step is None:
        return otherwise
    submitted = " / ".join(failure.output_lines) or "no output"
    return f"{failure.document} failed in step {failure.step} with exit code {failure.exit_code} ({submitted})"


def collect_step_durations(result: DocumentResult, instance_type: str) -> StepDurations | None:
    """How long its steps take; nothing is learned of a run that had done some of them before, or does not say."""
    took = tuple((step.name, step.duration) for step in result.steps if step.duration is not None and not step.skipped)
    if not took or len(took) < len(result.steps):
        return None
    return StepDurations(result.name, instance_type, took)


def _result(
    document: RecipeDocument, run: DocumentRun, steps: Sequence[StepOutput], now: datetime, *, succeeded: bool
) -> DocumentResult:
    began = [step.started_at for step in steps if step.started_at]
    ended = [step.ended_at for step in steps if step.ended_at]
    return DocumentResult(
        name=document.name,
        succeeded=succeeded,
        started_at=min(began, default=run.sent_at),
        ended_at=max(ended, default=now),
        steps=tuple(_step(step) for step in steps),
        reboots=sum(count_reboots(step) for step in steps),
        output_bytes=sum(len(step.output.encode()) for step in steps),
        recipe_hash=hash_recipe_document(document),
        parameters_hash=run.parameters_hash,
        document_hash=run.document_hash,
    )


def _step(step: StepOutput) -> StepResult:
    return StepResult(
        name=step.name,
        status=step.status,
        exit_code=step.exit_code,
        started_at=step.started_at,
        ended_at=step.ended_at,
        skipped=was_skipped(step),
    )


def _step_in_words(step: StepResult) -> str:
    if step.skipped:
        return "was done before"
    return f"{_seconds(step.duration)} s" if step.duration is not None else "did not run"


def _amounts(results: Sequence[DocumentResult]) -> str:
    count = sum(result.reboots for result in results)
    rebooted = {0: "no reboot", 1: "1 reboot"}.get(count, f"{count} reboots")
    return f"{rebooted}, {sum(result.output_bytes for result in results):,} bytes of output"


def _seconds(took: timedelta) -> int:
    return round(took.total_seconds())

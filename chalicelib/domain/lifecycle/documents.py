"""A document that has ended: what became of it, in figures and in words, and why it failed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib.domain.baked import use_hash
from chalicelib.domain.instance import DocumentRun, Instance
from chalicelib.domain.observation import CommandView, StepView
from chalicelib.domain.recipes import DocumentUse
from chalicelib.domain.setup_results import DocumentResult, Durations, Failure, StepResult
from chalicelib.domain.step_output import reboots, telling_lines, was_done, what_to_do

FINE = ("Success", "Skipped")

NOT_ENDED = (
    "The machine may have hung, or the command was lost: look into it in a session, or stop the instance and start it"
)
NO_STEP = {
    "DeliveryTimedOut": "SSM did not reach the agent in time: stop the instance and start it",
    "Undeliverable": "SSM could not reach the agent: stop the instance and start it",
}


def succeeded(document: DocumentUse, run: DocumentRun, command: CommandView, now: datetime) -> DocumentResult:
    """What is kept of one that ended well."""
    return _result(document, run, command.steps, now, succeeded=True)


def failed(
    document: DocumentUse, run: DocumentRun, command: CommandView | None, now: datetime
) -> tuple[DocumentResult, Failure]:
    """What is kept of one that failed, and why it did.

    :param command: None where it has not ended within its time
    """
    result = _result(document, run, command.steps if command else (), now, succeeded=False)
    if command is None:
        return result, Failure(document=document.name, at=now, what_to_do=NOT_ENDED)
    step = next((each for each in command.steps if each.exit_code != 0 or each.status not in FINE), None)
    if step is None:
        hint = NO_STEP.get(command.detail, f"SSM says {command.detail}; {NOT_ENDED}")
        return result, Failure(document=document.name, at=now, what_to_do=hint)
    failure = Failure(
        document=document.name,
        at=now,
        step=step.name,
        exit_code=step.exit_code,
        lines=telling_lines(step),
        what_to_do=what_to_do(step),
    )
    return result, failure


def done_in_words(result: DocumentResult, position: str) -> str:
    """The line of the timeline."""
    steps = ", ".join(f"{step.name} {_step_in_words(step)}" for step in result.steps)
    by_step = f": {steps}" if steps else ""
    return f"{result.name} is done, it took {_seconds(result.took)} s ({position}){by_step}; {_amounts([result])}"


def setup_in_words(instance: Instance, now: datetime) -> str:
    """What the whole setup came to, its failed tries included."""
    results = [each for each in instance.setup.results if each.ended_at >= instance.phase_since]
    return f"in {_seconds(now - instance.phase_since)} s, {_amounts(results)}"


def failure_in_words(failure: Failure, otherwise: str) -> str:
    """What failed, where, and what it said; `otherwise` where no step is known to have failed."""
    if failure.step is None:
        return otherwise
    said = " / ".join(failure.lines) or "no output"
    return f"{failure.document} failed in step {failure.step} with exit code {failure.exit_code} ({said})"


def learned(result: DocumentResult, instance_type: str) -> Durations | None:
    """How long its steps take; nothing is learned of a run that had done some of them before, or does not say."""
    took = tuple((step.name, step.took) for step in result.steps if step.took is not None and not step.was_done)
    if not took or len(took) < len(result.steps):
        return None
    return Durations(result.name, instance_type, took)


def _result(
    document: DocumentUse, run: DocumentRun, steps: Sequence[StepView], now: datetime, *, succeeded: bool
) -> DocumentResult:
    began = [step.started_at for step in steps if step.started_at]
    ended = [step.ended_at for step in steps if step.ended_at]
    return DocumentResult(
        name=document.name,
        succeeded=succeeded,
        started_at=min(began, default=run.sent_at),
        ended_at=max(ended, default=now),
        steps=tuple(_step(step) for step in steps),
        reboots=sum(reboots(step) for step in steps),
        output_bytes=sum(len(step.output.encode()) for step in steps),
        use=use_hash(document),
        fingerprint=run.fingerprint,
        content=run.content,
    )


def _step(step: StepView) -> StepResult:
    return StepResult(
        name=step.name,
        status=step.status,
        exit_code=step.exit_code,
        started_at=step.started_at,
        ended_at=step.ended_at,
        was_done=was_done(step),
    )


def _step_in_words(step: StepResult) -> str:
    if step.was_done:
        return "was done before"
    return f"{_seconds(step.took)} s" if step.took is not None else "did not run"


def _amounts(results: Sequence[DocumentResult]) -> str:
    count = sum(each.reboots for each in results)
    rebooted = {0: "no reboot", 1: "1 reboot"}.get(count, f"{count} reboots")
    return f"{rebooted}, {sum(each.output_bytes for each in results):,} bytes of output"


def _seconds(took: timedelta) -> int:
    return round(took.total_seconds())

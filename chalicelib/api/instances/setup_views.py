"""Views of a setup: its progress, the running step and the results of its documents."""

from typing_extensions import TypedDict

from chalicelib.api.common_views import round_seconds
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.instances.setup_progress import CurrentStep, SetupProgress
from chalicelib.domain.setup.results import DocumentResult, Failure, StepResult
from chalicelib.domain.setup.state import SetupState


class CurrentStepView(TypedDict):
    """The running step, as the instance last reported it.

    It is step `step_index` of the `step_count` steps of its document, counted from 1. `remaining_seconds`: the
    estimated time, from earlier runs on this instance type; null if there are none.
    """

    name: str
    step_index: int | None
    step_count: int | None
    last_output_line: str
    started_at: str
    running_seconds: int
    remaining_seconds: int | None
    reported_at: str


class FailureView(TypedDict):
    """The failure of a document: the step, the relevant lines of its output, and what to do (`remediation`)."""

    document: str
    step: str | None
    exit_code: int | None
    lines: list[str]
    remediation: str
    at: str


class StepResultView(TypedDict):
    """The result of a step; `status` is that of SSM. `skipped`: an earlier run had already done its work."""

    name: str
    status: str
    exit_code: int
    duration_seconds: int | None
    skipped: bool


class DocumentResultView(TypedDict):
    """The result of a document. `reboots`: its reboots of the instance; `output_bytes`: the size of its output."""

    document: str
    succeeded: bool
    started_at: str
    ended_at: str
    duration_seconds: int
    steps: list[StepResultView]
    reboots: int
    output_bytes: int


class SetupView(TypedDict):
    """The progress of setting up `recipe`.

    `document`: the document that runs now or next, number `document_index` of `document_count`, counted from 1; null
    after the last one. `attempts`: how often the document has failed. `interruptions`: how often the system has gone
    down during this setup. `remaining_seconds`: the estimated time of all remaining documents. `failure`: why the last
    attempt failed. `results` includes the documents of earlier setups.
    """

    recipe: str
    document: str | None
    document_index: int
    document_count: int
    attempts: int
    interruptions: int
    step: CurrentStepView | None
    remaining_seconds: int | None
    failure: FailureView | None
    results: list[DocumentResultView]


def to_setup_view(setup: SetupState, progress: SetupProgress | None) -> SetupView | None:
    """Return the view of a setup; None if the recipe has no documents.

    :param progress: the running step and the remaining time; None if the setup does not run
    """
    count = len(setup.documents)
    if not count:
        return None
    return {
        "recipe": setup.recipe,
        "document": None if setup.is_done else setup.documents[setup.document_index].name,
        "document_index": min(setup.document_index + 1, count),
        "document_count": count,
        "attempts": setup.attempts,
        "interruptions": setup.interruptions,
        "step": _to_step_view(progress.step) if progress and progress.step else None,
        "remaining_seconds": round_seconds(progress.remaining) if progress else None,
        "failure": _to_failure_view(setup.failure) if setup.failure else None,
        "results": [_to_result_view(result) for result in setup.results],
    }


def _to_step_view(step: CurrentStep) -> CurrentStepView:
    return {
        "name": step.name,
        "step_index": step.index,
        "step_count": step.count,
        "last_output_line": step.last_output_line,
        "started_at": format_timestamp(step.started_at),
        "running_seconds": round(step.running_for.total_seconds()),
        "remaining_seconds": round_seconds(step.remaining),
        "reported_at": format_timestamp(step.reported_at),
    }


def _to_failure_view(failure: Failure) -> FailureView:
    return {
        "document": failure.document,
        "step": failure.step,
        "exit_code": failure.exit_code,
        "lines": list(failure.output_lines),
        "remediation": failure.remediation,
        "at": format_timestamp(failure.at),
    }


def _to_result_view(result: DocumentResult) -> DocumentResultView:
    return {
        "document": result.name,
        "succeeded": result.succeeded,
        "started_at": format_timestamp(result.started_at),
        "ended_at": format_timestamp(result.ended_at),
        "duration_seconds": round(result.duration.total_seconds()),
        "steps": [_to_step_result_view(step) for step in result.steps],
        "reboots": result.reboots,
        "output_bytes": result.output_bytes,
    }


def _to_step_result_view(step: StepResult) -> StepResultView:
    return {
        "name": step.name,
        "status": step.status,
        "exit_code": step.exit_code,
        "duration_seconds": round_seconds(step.duration),
        "skipped": step.skipped,
    }

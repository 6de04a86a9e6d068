"""A setup: how far it has come, what runs, what became of what ran."""

from typing_extensions import TypedDict

from chalicelib.api.views.values import moment, seconds_or_none
from chalicelib.domain.instance import Setup
from chalicelib.domain.setup_progress import SetupNow, StepNow
from chalicelib.domain.setup_results import DocumentResult, Failure, StepResult


class StepNowView(TypedDict):
    """The step that runs, as its machine last told: its place among the document's, what it said last.

    `remaining_seconds` is by what it took before on this type; null where nobody knows.
    """

    name: str
    position: str
    line: str
    started_at: str
    running_seconds: int
    remaining_seconds: int | None
    reported_at: str


class FailureView(TypedDict):
    """Why a document failed: where, the lines that matter, and what to do."""

    document: str
    step: str | None
    exit_code: int | None
    lines: list[str]
    what_to_do: str
    at: str


class StepResultView(TypedDict):
    """What became of a step, in SSM's words; `was_done`: it had been done before, so nothing was to be done."""

    name: str
    status: str
    exit_code: int
    took_seconds: int | None
    was_done: bool


class ResultView(TypedDict):
    """What became of a document."""

    document: str
    succeeded: bool
    started_at: str
    ended_at: str
    took_seconds: int
    steps: list[StepResultView]
    reboots: int
    output_bytes: int


class SetupView(TypedDict):
    """How far `recipe` has come: `document` is next or running, `tries` is how often it has failed.

    `results` has the documents of the setups before it, too.
    """

    recipe: str
    document: str | None
    position: str
    tries: int
    step: StepNowView | None
    remaining_seconds: int | None
    failure: FailureView | None
    results: list[ResultView]


def setup_view(setup: Setup, going: SetupNow | None) -> SetupView | None:
    """Its progress and what became of what ran; None where nothing is to be set up."""
    count = len(setup.documents)
    if not count:
        return None
    return {
        "recipe": setup.recipe,
        "document": None if setup.is_done else setup.documents[setup.index].name,
        "position": f"{min(setup.index + 1, count)} of {count}",
        "tries": setup.tries,
        "step": _step_now(going.step) if going and going.step else None,
        "remaining_seconds": seconds_or_none(going.remaining) if going else None,
        "failure": _failure(setup.failure) if setup.failure else None,
        "results": [_result(result) for result in setup.results],
    }


def _step_now(step: StepNow) -> StepNowView:
    return {
        "name": step.name,
        "position": step.position,
        "line": step.line,
        "started_at": moment(step.started_at),
        "running_seconds": round(step.running_for.total_seconds()),
        "remaining_seconds": seconds_or_none(step.remaining),
        "reported_at": moment(step.reported_at),
    }


def _failure(failure: Failure) -> FailureView:
    return {
        "document": failure.document,
        "step": failure.step,
        "exit_code": failure.exit_code,
        "lines": list(failure.lines),
        "what_to_do": failure.what_to_do,
        "at": moment(failure.at),
    }


def _result(result: DocumentResult) -> ResultView:
    return {
        "document": result.name,
        "succeeded": result.succeeded,
        "started_at": moment(result.started_at),
        "ended_at": moment(result.ended_at),
        "took_seconds": round(result.took.total_seconds()),
        "steps": [_step_result(step) for step in result.steps],
        "reboots": result.reboots,
        "output_bytes": result.output_bytes,
    }


def _step_result(step: StepResult) -> StepResultView:
    return {
        "name": step.name,
        "status": step.status,
        "exit_code": step.exit_code,
        "took_seconds": seconds_or_none(step.took),
        "was_done": step.was_done,
    }

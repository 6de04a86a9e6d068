"""How a command ended: what SSM says about the command comes before what it says about the steps.

SSM shows each step of a command that no agent took as failed, too. If the system goes down while a document runs, the
agent blames the first step of the document, whichever step ran.
"""

from collections.abc import Sequence
from enum import StrEnum

from chalicelib.domain.setup.step_output import INTERRUPTION_MARKER, StepOutput

NOT_TAKEN_DETAILS = frozenset(
    {
        "DeliveryTimedOut",
        "Undeliverable",
        "Terminated",
        "InvalidPlatform",
        "AccessDenied",
        "RateExceeded",
        "NoInstancesInTag",
    }
)
"""Detailed statuses of a command that did not reach an agent, or that the agent refused.

https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html
"""

SUCCESS_STATUSES = ("Success", "Skipped")
"""Statuses of a step that has not failed, as SSM calls them."""

NOT_ENDED_EXIT_CODE = -1
"""Exit code that SSM shows for a step whose end was not reported, and for one that a signal ended, which has output."""


class CommandEnd(StrEnum):
    """End of a command that did not succeed.

    :cvar STEP_FAILED: a step failed
    :cvar NOT_TAKEN: no agent ran it
    :cvar INTERRUPTED: the system, or the agent's process for it, went down while it ran
    :cvar NO_REPORT: the agent took it and reported the end of no step that failed
    """

    STEP_FAILED = "step_failed"
    NOT_TAKEN = "not_taken"
    INTERRUPTED = "interrupted"
    NO_REPORT = "no_report"


def classify_end(status_details: str, steps: Sequence[StepOutput]) -> CommandEnd:
    """Return how a command ended that did not succeed.

    :param status_details: as SSM returns them; its documentation writes them with spaces
    """
    if status_details.replace(" ", "") in NOT_TAKEN_DETAILS:
        return CommandEnd.NOT_TAKEN
    if any(INTERRUPTION_MARKER in step.output for step in steps):
        return CommandEnd.INTERRUPTED
    return CommandEnd.STEP_FAILED if find_failed_step(steps) else CommandEnd.NO_REPORT


def find_failed_step(steps: Sequence[StepOutput]) -> StepOutput | None:
    """Return the first step that failed. After one that timed out, the agent runs the next ones, which fail, too."""
    return next((step for step in steps if _has_failed(step)), None)


def describe_end(document: str, status_details: str, steps: Sequence[StepOutput]) -> str:
    """Return what happened to the command of a document, as a clause."""
    match classify_end(status_details, steps):
        case CommandEnd.NOT_TAKEN:
            return f"The SSM agent did not take the command for {document} ({status_details})"
        case CommandEnd.INTERRUPTED:
            return f"The system or its SSM agent went down while {document} ran"
        case CommandEnd.NO_REPORT:
            return f"No step of {document} reported an end ({status_details})"
        case CommandEnd.STEP_FAILED:
            return f"{document} ended as {status_details}"


def _has_failed(step: StepOutput) -> bool:
    if step.exit_code == NOT_ENDED_EXIT_CODE and not step.output:
        return False
    return step.exit_code != 0 or step.status not in SUCCESS_STATUSES

"""How a command ended: what SSM says about the command comes before what it says about the steps."""

import pytest

from chalicelib.domain.setup.command_end import CommandEnd, classify_end, describe_end, find_failed_step
from chalicelib.domain.setup.step_output import StepOutput
from local.machines.agent.output import INTERRUPTED_MESSAGE


def build_step(name: str, exit_code: int, status: str, output: str = "") -> StepOutput:
    return StepOutput(name=name, status=status, exit_code=exit_code, output=output)


FINE = build_step("inspect", 0, "Success", "Inspected.")
BROKEN = build_step("install", 1, "Failed", "E: broken")
SKIPPED = build_step("start", 0, "Skipped", "Plugin with name ... skipped due to prior step with an exit condition")
WENT_DOWN = build_step("inspect", 1, "Failed", INTERRUPTED_MESSAGE)
KILLED = build_step("install", -1, "Failed", "failed to run commands: signal: killed")
NEVER_REPORTED = build_step("install", -1, "TimedOut")


@pytest.mark.parametrize(
    ("details", "steps", "end"),
    [
        ("Failed", [FINE, BROKEN, SKIPPED], CommandEnd.STEP_FAILED),
        ("ExecutionTimedOut", [FINE, build_step("install", 137, "TimedOut")], CommandEnd.STEP_FAILED),
        (
            "Failed",
            [KILLED],
            CommandEnd.STEP_FAILED,
        ),
        ("SomethingNew", [FINE, BROKEN], CommandEnd.STEP_FAILED),
        ("Failed", [WENT_DOWN], CommandEnd.INTERRUPTED),
        ("Failed", [WENT_DOWN, BROKEN], CommandEnd.INTERRUPTED),
        ("DeliveryTimedOut", [NEVER_REPORTED], CommandEnd.NOT_TAKEN),
        ("Delivery Timed Out", [NEVER_REPORTED], CommandEnd.NOT_TAKEN),
        ("Undeliverable", [BROKEN], CommandEnd.NOT_TAKEN),
        ("Terminated", [], CommandEnd.NOT_TAKEN),
        ("InvalidPlatform", [], CommandEnd.NOT_TAKEN),
        ("AccessDenied", [], CommandEnd.NOT_TAKEN),
        ("RateExceeded", [], CommandEnd.NOT_TAKEN),
        ("ExecutionTimedOut", [NEVER_REPORTED], CommandEnd.NO_REPORT),
        ("Cancelled", [build_step("install", -1, "Cancelled")], CommandEnd.NO_REPORT),
        ("Failed", [], CommandEnd.NO_REPORT),
    ],
)
def test_end_follows_from_the_detailed_status_and_the_steps(
    details: str, steps: list[StepOutput], end: CommandEnd
) -> None:
    assert classify_end(details, steps) is end


def test_step_that_failed_first_is_blamed_although_later_steps_ran() -> None:
    """After a step that timed out the agent runs the next ones, which then refuse to begin."""
    timed_out, refused = build_step("inspect", 137, "TimedOut"), build_step("install", 1, "Failed", "gpudesk: no")
    assert find_failed_step([FINE, timed_out, refused]) is timed_out
    assert find_failed_step([FINE, NEVER_REPORTED]) is None
    assert find_failed_step([FINE, SKIPPED]) is None


@pytest.mark.parametrize(
    ("details", "steps", "clause"),
    [
        ("Undeliverable", [], "The SSM agent did not take the command for gpudesk-probe (Undeliverable)"),
        ("Failed", [WENT_DOWN], "The system or its SSM agent went down while gpudesk-probe ran"),
        ("ExecutionTimedOut", [], "No step of gpudesk-probe reported an end (ExecutionTimedOut)"),
        ("Failed", [BROKEN], "gpudesk-probe ended as Failed"),
    ],
)
def test_end_is_described(details: str, steps: list[StepOutput], clause: str) -> None:
    assert describe_end("gpudesk-probe", details, steps) == clause

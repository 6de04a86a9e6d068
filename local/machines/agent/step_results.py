"""Results of steps as the agent reports them.

https://github.com/aws/amazon-ssm-agent/blob/mainline/agent (RunPlugins in framework/runpluginutil/runpluginutil.go,
ExecuteCommand in executers/executers.go, GetStatus in plugins/pluginutil/pluginutil_unix.go)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from local.machines.host.interface import InvocationStatus, StepResult, StepStatus

from .output import (
    EXIT_FAILURE_NOTE,
    EXIT_SUCCESS_NOTE,
    ON_FAILURE_NOTE,
    combine_output,
    cut_output,
    describe_exit,
)
from .shell import ScriptResult

SHELL_ACTION = "aws:runShellScript"
EXIT_SUCCESS = 168
EXIT_FAILURE = 169
EXIT_REBOOT = 194
STOPPED_EXIT_CODE = 137
"""Exit code that the agent reports for a script that it stopped. If a script itself exits with it, the agent takes it
for one that timed out."""

KILLED_EXIT_CODE = -1
"""Exit code that Go reports for a process that a signal has ended."""


def build_script_result(name: str, inputs: Mapping[str, Any], ended: ScriptResult) -> StepResult:
    """Return the result of a step whose script has ended, with the sentences that the agent adds to its output."""
    exit_code = _map_exit_code(ended)
    status = _map_status(ended, exit_code)
    stderr = ended.stderr
    if ended.problem:
        stderr += ended.problem
    elif status == "Failed":
        # The agent adds no line break: the text follows the last character of standard error.
        stderr += f"failed to run commands: {describe_exit(ended.exit_code)}"
    result = StepResult(name, SHELL_ACTION, status, exit_code, ended.stdout, stderr, full_output=(ended.stdout, stderr))
    listed = combine_output(ended.stdout, "" if exit_code == EXIT_SUCCESS else stderr)
    result = _apply_exit_rules(inputs, replace(result, output=listed))
    return replace(result, stdout=cut_output(result.stdout), stderr=cut_output(result.stderr))


def build_skipped(name: str, action: str, reason: str) -> StepResult:
    """Return the result of a step that was skipped. Its standard output is empty."""
    return StepResult(name, action, "Skipped", 0, "", "", output=reason)


def build_unstarted(name: str, action: str, problem: str) -> StepResult:
    """Return the result of a step that the agent could not start. Its standard output and error are empty."""
    return StepResult(name, action, "Failed", 1, "", "", output=problem)


def summarize_steps(steps: Sequence[StepResult]) -> tuple[InvocationStatus, int]:
    """Return status and exit code of the document, which are those of the first step with the worst status.

    https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/contracts/aggregator.go (DocumentResultAggregator)
    """
    bad_statuses: tuple[InvocationStatus, ...] = ("Failed", "TimedOut", "Cancelled")
    for status in bad_statuses:
        for step in steps:
            if step.status == status:
                return status, step.exit_code
    succeeded = [step for step in steps if step.status == "Success"]
    return "Success", succeeded[-1].exit_code if succeeded else 0


def _map_exit_code(ended: ScriptResult) -> int:
    if ended.ending != "exited":
        return STOPPED_EXIT_CODE
    return KILLED_EXIT_CODE if ended.exit_code < 0 else ended.exit_code


def _map_status(ended: ScriptResult, exit_code: int) -> StepStatus:
    if ended.ending == "cancelled":
        return "Cancelled"
    if exit_code == STOPPED_EXIT_CODE:
        return "TimedOut"
    return "Success" if exit_code == 0 else "Failed"


def _apply_exit_rules(inputs: Mapping[str, Any], result: StepResult) -> StepResult:
    if result.exit_code == EXIT_SUCCESS:
        return replace(result, status="Success", stdout=result.stdout + EXIT_SUCCESS_NOTE, stderr="")
    note = ""
    if result.exit_code == EXIT_FAILURE:
        note = EXIT_FAILURE_NOTE
    elif result.status == "Failed" and inputs.get("onFailure") in ("exit", "successAndExit"):
        note = ON_FAILURE_NOTE
    noted = replace(result, stdout=result.stdout + note, stderr=result.stderr + note)
    if note == ON_FAILURE_NOTE and inputs["onFailure"] == "successAndExit":
        return replace(noted, status="Success", exit_code=EXIT_SUCCESS)
    return noted

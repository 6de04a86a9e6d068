"""Document engine of the SSM agent: it runs the steps of a document on a machine and reports their results.

It behaves like amazon-ssm-agent 3.3. A `Shell` runs the scripts, so the same engine serves machines with real processes
and simulated machines.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from local.machines.errors import MachineRebooted
from local.machines.host.interface import Invocation, InvocationResult, InvocationStatus, StepResult, StepStatus

from . import parameters
from .documents import upgrade_schema
from .shell import Cancellation, Script, ScriptResult, Shell

EXIT_SUCCESS = 168
EXIT_FAILURE = 169
EXIT_REBOOT = 194
STOPPED_EXIT_CODE = 137
"""Exit code that the agent reports for a script that the agent stopped."""

DEFAULT_TIMEOUT = 3600
MIN_TIMEOUT = 5
MAX_TIMEOUT = 172_800
MAX_REBOOTS = 15
"""Number of reboots by a document after which the agent abandons it."""

STDOUT_LIMIT = 24_000
STDERR_LIMIT = 8_000
CUT_MARK = "--output truncated--"
SHELL_ACTION = "aws:runShellScript"
OTHER_PLATFORM_ACTIONS = frozenset({"aws:runPowerShellScript", "aws:psModule", "aws:applications", "aws:domainJoin"})


def run_document(
    invocation: Invocation, shell: Shell, agent_environment: Mapping[str, str], cancellation: Cancellation
) -> InvocationResult:
    """Run the steps of a document.

    :param agent_environment: variables that the agent adds to each script
    :raises InvalidParameters: a parameter is invalid, although SendCommand should have rejected it
    """
    document = upgrade_schema(invocation.document)
    declared = document.get("parameters") or {}
    values = parameters.resolve_values(declared, invocation.parameters)
    environment = {**agent_environment, **parameters.build_environment(declared, values)}
    run = _DocumentRun(invocation, values, environment, shell, cancellation)
    steps = tuple(_run_timed(run, step) for step in document["mainSteps"])
    return InvocationResult(*_summarize(steps), steps)


class _DocumentRun:
    """One run of a document."""

    def __init__(
        self,
        invocation: Invocation,
        values: Mapping[str, Any],
        environment: Mapping[str, str],
        shell: Shell,
        cancellation: Cancellation,
    ) -> None:
        """Start before the first step."""
        self._invocation = invocation
        self._values = values
        self._environment = environment
        self._shell = shell
        self._cancellation = cancellation
        self._is_ended = False

    def run_step(self, step: Mapping[str, Any]) -> StepResult:
        """Run one step. The output of a skipped step says why it was skipped."""
        name, action = str(step["name"]), str(step["action"])
        inputs = parameters.fill_in(step.get("inputs") or {}, self._values)
        if self._cancellation.is_set():
            return StepResult(name, action, "Cancelled", STOPPED_EXIT_CODE, "", "")
        if self._is_ended and not _is_true(inputs.get("finallyStep")):
            return _build_skipped(
                name, action, f"Step execution skipped since an earlier step ended the document. Step name: {name}"
            )
        allowed, problem = _check_precondition(parameters.fill_in(step.get("precondition") or {}, self._values))
        if not allowed or action in OTHER_PLATFORM_ACTIONS:
            return _build_skipped(
                name, action, f"Step execution skipped due to unsatisfied preconditions. Step name: {name}"
            )
        if problem:
            return StepResult(name, action, "Failed", 1, "", f"{problem}. Step name: {name}")
        if action != SHELL_ACTION:
            text = f"Plugin with name {action} is not supported by this agent. Step name: {name}"
            return StepResult(name, action, "Failed", 1, "", text)
        return self._apply_exit_rules(inputs, self._run_shell_step(name, inputs))

    def _run_shell_step(self, name: str, inputs: Mapping[str, Any]) -> StepResult:
        lines = inputs.get("runCommand")
        lines = [lines] if isinstance(lines, str) else lines
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            text = f"Invalid format in plugin properties {json.dumps(inputs)}"
            return StepResult(name, SHELL_ACTION, "Failed", 1, "", text)
        script = Script(
            command_id=self._invocation.command_id,
            document_name=self._invocation.document_name,
            step=name,
            text="\n".join(lines) + "\n",
            environment=self._environment,
            folder=str(inputs.get("workingDirectory") or "") or None,
            timeout=parse_timeout(inputs.get("timeoutSeconds")),
        )
        return _build_result(name, self._execute_with_reboots(script))

    def _execute_with_reboots(self, script: Script) -> ScriptResult:
        """Run a script. Run it again from its start after a reboot that it requests or that interrupts it.

        The output of all runs is joined.
        https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/processor/executer/iohandler/iomodule/commandoutput.go
        """
        stdout = stderr = ""
        for _ in range(MAX_REBOOTS):
            try:
                result = self._shell.execute(script, self._cancellation)
            except MachineRebooted:
                continue
            stdout, stderr = stdout + result.stdout, stderr + result.stderr
            if result.exit_code != EXIT_REBOOT or result.ending != "exited":
                return replace(result, stdout=stdout, stderr=stderr)
            self._shell.reboot()
        return ScriptResult(
            1, stdout, f"{stderr}The document rebooted the machine {MAX_REBOOTS} times, so the agent abandoned it."
        )

    def _apply_exit_rules(self, inputs: Mapping[str, Any], result: StepResult) -> StepResult:
        """Apply onSuccess, onFailure and the agent's exit codes to the following steps."""
        if result.exit_code in (EXIT_SUCCESS, EXIT_FAILURE):
            self._is_ended = True
        elif result.status == "Success":
            self._is_ended = self._is_ended or inputs.get("onSuccess") == "exit"
        elif inputs.get("onFailure") in ("exit", "successAndExit"):
            self._is_ended = True
            if inputs["onFailure"] == "successAndExit":
                return StepResult(result.name, result.action, "Success", result.exit_code, result.stdout, result.stderr)
        return result


def _run_timed(run: _DocumentRun, step: Mapping[str, Any]) -> StepResult:
    started_at = time.monotonic()
    result = run.run_step(step)
    return replace(result, seconds=time.monotonic() - started_at)


def parse_timeout(value: Any) -> float:
    """Return a step's time limit in seconds. As in the agent, any value outside 5 to 172800 means 3600."""
    try:
        seconds = int(str(value).strip())
    except ValueError:
        return DEFAULT_TIMEOUT
    return seconds if MIN_TIMEOUT <= seconds <= MAX_TIMEOUT else DEFAULT_TIMEOUT


def cut_output(text: str, limit: int) -> str:
    """Return output as the agent reports it: complete, or cut to `limit` characters including the mark of the cut."""
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK


def _build_result(name: str, result: ScriptResult) -> StepResult:
    statuses: Mapping[str, StepStatus] = {"timed out": "TimedOut", "cancelled": "Cancelled"}
    status = statuses.get(result.ending) or ("Success" if result.exit_code in (0, EXIT_SUCCESS) else "Failed")
    exit_code = result.exit_code if result.ending == "exited" else STOPPED_EXIT_CODE
    stderr = result.stderr
    if status == "Failed":
        cause = f"exit status {exit_code}" if exit_code >= 0 else f"signal: {-exit_code}"
        stderr = (
            f"{stderr}\nfailed to run commands: {cause}".lstrip("\n") if stderr else f"failed to run commands: {cause}"
        )
    reported = cut_output(result.stdout, STDOUT_LIMIT), cut_output(stderr, STDERR_LIMIT)
    return StepResult(name, SHELL_ACTION, status, exit_code, *reported, full_output=(result.stdout, stderr))


def _build_skipped(name: str, action: str, message: str) -> StepResult:
    return StepResult(name, action, "Skipped", 0, message, "")


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _check_precondition(conditions: Mapping[str, Sequence[str]]) -> tuple[bool, str]:
    """Return whether the step applies to this machine, and the error of an invalid condition or an empty text."""
    for operator, words in conditions.items():
        if operator != "StringEquals" or len(words) != 2:
            return True, f'Unrecognized precondition(s): "{operator}": {words}'
        names = [word for word in words if word != "platformType"]
        if len(names) == 1:
            if names[0].lower() != "linux":
                return False, ""
        elif words[0] != words[1]:
            return False, ""
    return True, ""


def _summarize(steps: Sequence[StepResult]) -> tuple[InvocationStatus, int]:
    """Return status and exit code of the document, which are those of the first step with the worst status."""
    bad_statuses: tuple[InvocationStatus, ...] = ("Failed", "TimedOut", "Cancelled")
    for status in bad_statuses:
        for step in steps:
            if step.status == status:
                return status, step.exit_code
    succeeded = [step for step in steps if step.status == "Success"]
    return "Success", succeeded[-1].exit_code if succeeded else 0

"""The SSM agent's document engine: what a document's steps do to a machine, and what is reported of them.

The semantics are those of amazon-ssm-agent 3.3. What runs a script is behind `Shell`, so that the same engine serves
machines that are real processes and machines that only pretend.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from local.machines.errors import MachineRebooted
from local.machines.host.port import Invocation, InvocationResult, InvocationStatus, StepResult, StepStatus

from . import parameters
from .documents import modern
from .shell import Cancellation, Script, ScriptResult, Shell

EXIT_SUCCESS = 168
EXIT_FAILURE = 169
EXIT_REBOOT = 194
STOPPED_EXIT_CODE = 137
"""What the agent reports for a script that it stopped itself."""

DEFAULT_TIMEOUT = 3600
MIN_TIMEOUT = 5
MAX_TIMEOUT = 172_800
MAX_REBOOTS = 15
"""A document that reboots the machine more often than this is given up, as the agent gives up."""

STDOUT_LIMIT = 24_000
STDERR_LIMIT = 8_000
CUT_MARK = "--output truncated--"
SHELL_ACTION = "aws:runShellScript"
OTHER_PLATFORM_ACTIONS = frozenset({"aws:runPowerShellScript", "aws:psModule", "aws:applications", "aws:domainJoin"})


def run_document(
    invocation: Invocation, shell: Shell, agent_environment: Mapping[str, str], cancellation: Cancellation
) -> InvocationResult:
    """Run every step that is to run.

    :param agent_environment: what the agent tells every script of where it is
    :raises InvalidParameters: as SendCommand should have
    """
    document = modern(invocation.document)
    declared = document.get("parameters") or {}
    values = parameters.resolve(declared, invocation.parameters)
    environment = {**agent_environment, **parameters.as_environment(declared, values)}
    run = _Run(invocation, values, environment, shell, cancellation)
    steps = tuple(_timed(run, step) for step in document["mainSteps"])
    return InvocationResult(*_overall(steps), steps)


class _Run:
    """One document on its way: `leaving` is set once a step ended the document."""

    def __init__(
        self,
        invocation: Invocation,
        values: Mapping[str, Any],
        environment: Mapping[str, str],
        shell: Shell,
        cancellation: Cancellation,
    ) -> None:
        self._invocation = invocation
        self._values = values
        self._environment = environment
        self._shell = shell
        self._cancellation = cancellation
        self._leaving = False

    def step(self, step: Mapping[str, Any]) -> StepResult:
        """Run one step, or say why not."""
        name, action = str(step["name"]), str(step["action"])
        inputs = parameters.fill_in(step.get("inputs") or {}, self._values)
        if self._cancellation.is_set():
            return StepResult(name, action, "Cancelled", STOPPED_EXIT_CODE, "", "")
        if self._leaving and not _is_true(inputs.get("finallyStep")):
            return _skipped(
                name, action, f"Step execution skipped since an earlier step ended the document. Step name: {name}"
            )
        allowed, trouble = _precondition(parameters.fill_in(step.get("precondition") or {}, self._values))
        if not allowed or action in OTHER_PLATFORM_ACTIONS:
            return _skipped(name, action, f"Step execution skipped due to unsatisfied preconditions. Step name: {name}")
        if trouble:
            return StepResult(name, action, "Failed", 1, "", f"{trouble}. Step name: {name}")
        if action != SHELL_ACTION:
            text = f"Plugin with name {action} is not supported by this agent. Step name: {name}"
            return StepResult(name, action, "Failed", 1, "", text)
        return self._after(inputs, self._shell_step(name, inputs))

    def _shell_step(self, name: str, inputs: Mapping[str, Any]) -> StepResult:
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
            timeout=timeout_seconds(inputs.get("timeoutSeconds")),
        )
        return _report(name, self._until_no_reboot(script))

    def _until_no_reboot(self, script: Script) -> ScriptResult:
        """A step that asks for a reboot, or that one interrupts, runs again from its start.

        What it says is appended to what it said before.
        https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/processor/executer/iohandler/iomodule/commandoutput.go
        """
        stdout = stderr = ""
        for _ in range(MAX_REBOOTS):
            try:
                ended = self._shell.execute(script, self._cancellation)
            except MachineRebooted:
                continue
            stdout, stderr = stdout + ended.stdout, stderr + ended.stderr
            if ended.exit_code != EXIT_REBOOT or ended.how != "exited":
                return replace(ended, stdout=stdout, stderr=stderr)
            self._shell.reboot()
        return ScriptResult(
            1, stdout, f"{stderr}The document rebooted the machine {MAX_REBOOTS} times and was given up."
        )

    def _after(self, inputs: Mapping[str, Any], result: StepResult) -> StepResult:
        """What the step's end means to the steps behind it."""
        if result.exit_code in (EXIT_SUCCESS, EXIT_FAILURE):
            self._leaving = True
        elif result.status == "Success":
            self._leaving = self._leaving or inputs.get("onSuccess") == "exit"
        elif inputs.get("onFailure") in ("exit", "successAndExit"):
            self._leaving = True
            if inputs["onFailure"] == "successAndExit":
                return StepResult(result.name, result.action, "Success", result.exit_code, result.stdout, result.stderr)
        return result


def _timed(run: _Run, step: Mapping[str, Any]) -> StepResult:
    began = time.monotonic()
    result = run.step(step)
    return replace(result, seconds=time.monotonic() - began)


def timeout_seconds(value: Any) -> float:
    """The step's limit; what is no number from 5 to 172800 is 3600, as in the agent."""
    try:
        seconds = int(str(value).strip())
    except ValueError:
        return DEFAULT_TIMEOUT
    return seconds if MIN_TIMEOUT <= seconds <= MAX_TIMEOUT else DEFAULT_TIMEOUT


def cut(text: str, limit: int) -> str:
    """Output as the agent reports it: whole, or its beginning and the mark, `limit` characters together."""
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK


def _report(name: str, ended: ScriptResult) -> StepResult:
    statuses: Mapping[str, StepStatus] = {"timed out": "TimedOut", "cancelled": "Cancelled"}
    status = statuses.get(ended.how) or ("Success" if ended.exit_code in (0, EXIT_SUCCESS) else "Failed")
    exit_code = ended.exit_code if ended.how == "exited" else STOPPED_EXIT_CODE
    stderr = ended.stderr
    if status == "Failed":
        cause = f"exit status {exit_code}" if exit_code >= 0 else f"signal: {-exit_code}"
        stderr = (
            f"{stderr}\nfailed to run commands: {cause}".lstrip("\n") if stderr else f"failed to run commands: {cause}"
        )
    reported = cut(ended.stdout, STDOUT_LIMIT), cut(stderr, STDERR_LIMIT)
    return StepResult(name, SHELL_ACTION, status, exit_code, *reported, whole=(ended.stdout, stderr))


def _skipped(name: str, action: str, why: str) -> StepResult:
    return StepResult(name, action, "Skipped", 0, why, "")


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _precondition(conditions: Mapping[str, Sequence[str]]) -> tuple[bool, str]:
    """Whether the step is for this machine, and what is wrong with the condition, if anything."""
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


def _overall(steps: Sequence[StepResult]) -> tuple[InvocationStatus, int]:
    """The document's status and exit code: those of the first step that did not succeed, the worst kind first."""
    kinds: tuple[InvocationStatus, ...] = ("Failed", "TimedOut", "Cancelled")
    for kind in kinds:
        for step in steps:
            if step.status == kind:
                return kind, step.exit_code
    done = [step for step in steps if step.status == "Success"]
    return "Success", done[-1].exit_code if done else 0

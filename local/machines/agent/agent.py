"""Document engine of the SSM agent: it runs the steps of a document on a machine and reports their results.

It behaves like amazon-ssm-agent 3.3; `contract.json` has its rules with their sources. A `Shell` runs the scripts, so
the same engine serves machines with real processes and simulated machines.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from local.machines.errors import MachineHalted
from local.machines.host.interface import Invocation, InvocationResult, StepResult

from . import parameters
from .documents import upgrade_schema
from .output import INTERRUPTED_MESSAGE
from .preconditions import check_preconditions
from .shell import Cancellation, Script, ScriptResult, Shell
from .step_results import (
    EXIT_FAILURE,
    EXIT_REBOOT,
    EXIT_SUCCESS,
    SHELL_ACTION,
    build_script_result,
    build_skipped,
    build_unstarted,
    summarize_steps,
)
from .timeouts import parse_timeout

MAX_REBOOTS = 15
"""Number of reboots by a document after which the agent drops it without a report."""

OTHER_PLATFORM_ACTIONS = frozenset({"aws:runPowerShellScript", "aws:psModule", "aws:applications", "aws:domainJoin"})


class _DocumentDropped(Exception):
    """The agent has dropped the document, so SSM gets no report."""


def run_document(
    invocation: Invocation, shell: Shell, agent_environment: Mapping[str, str], cancellation: Cancellation
) -> InvocationResult:
    """Run the steps of a document.

    :param agent_environment: variables that the agent adds to each script
    :returns: the result; if the machine goes down meanwhile, what the agent reports after it is up again
    :raises InvalidParameters: a parameter is invalid, although SendCommand should have rejected it
    """
    document = upgrade_schema(invocation.document)
    declared = document.get("parameters") or {}
    values = parameters.resolve_values(declared, invocation.parameters)
    environment = {
        **agent_environment,
        **parameters.build_environment(declared, values),
        "SSM_COMMAND_ID": invocation.command_id,
    }
    steps: Sequence[Mapping[str, Any]] = document["mainSteps"]
    run = _DocumentRun(invocation, values, environment, shell, cancellation)
    results: list[StepResult] = []
    try:
        for index, step in enumerate(steps):
            results.append(_run_timed(run, step, is_last=index == len(steps) - 1))
    except MachineHalted:
        return build_interrupted(steps[0], results, run.reboot_count)
    except _DocumentDropped:
        return InvocationResult("Failed", 1, tuple(results), "missing", run.reboot_count)
    return InvocationResult(*summarize_steps(results), tuple(results), reboot_count=run.reboot_count)


def build_interrupted(
    first_step: Mapping[str, Any], results: Sequence[StepResult], reboot_count: int = 0
) -> InvocationResult:
    """Return what the agent reports of a document during which the machine went down: it blames the first step.

    :param results: results of the steps that had ended; later steps have none
    """
    failed = StepResult(
        str(first_step["name"]), str(first_step["action"]), "Failed", 1, "", "", output=INTERRUPTED_MESSAGE
    )
    return InvocationResult("Failed", 1, (failed, *results[1:]), "interrupted", reboot_count)


class _DocumentRun:
    """One run of a document.

    :ivar reboot_count: number of reboots that its steps have requested
    """

    def __init__(
        self,
        invocation: Invocation,
        values: Mapping[str, Any],
        environment: Mapping[str, str],
        shell: Shell,
        cancellation: Cancellation,
    ) -> None:
        """Start before the first step."""
        self.reboot_count = 0
        self._invocation = invocation
        self._values = values
        self._environment = environment
        self._shell = shell
        self._cancellation = cancellation
        self._is_ended = False

    def run_step(self, step: Mapping[str, Any], *, is_last: bool) -> StepResult:
        """Run one step. The output of a skipped step says why it was skipped."""
        name, action = str(step["name"]), str(step["action"])
        inputs = parameters.fill_in(step.get("inputs") or {}, self._values)
        if self._is_ended and not (is_last and _is_true(inputs.get("finallyStep"))):
            reason = f"Plugin with name {action} and id {name} skipped due to prior step with an exit condition"
            return build_skipped(name, action, reason)
        if action in OTHER_PLATFORM_ACTIONS:
            reason = f"Step execution skipped due to unsupported plugin: {action}. Step name: {name}"
            return build_skipped(name, action, reason)
        applies, problems = check_preconditions(step.get("precondition") or {}, self._values)
        listed = ", ".join(problems)
        if not applies:
            reason = f"Step execution skipped due to unsatisfied preconditions: '{listed}'. Step name: {name}"
            return build_skipped(name, action, reason)
        if problems:
            reason = f"Unrecognized precondition(s): '{listed}', please update agent to latest version."
            return build_unstarted(name, action, f"{reason} Step name: {name}")
        if action != SHELL_ACTION:
            text = f"Plugin with name {action} is not supported by this agent. Step name: {name}"
            return build_unstarted(name, action, text)
        if self._cancellation.is_set():
            return StepResult(name, action, "Cancelled", 1, "", "")
        result = self._run_shell_step(name, inputs)
        self._is_ended = self._is_ended or _ends_document(inputs, result)
        return result

    def _run_shell_step(self, name: str, inputs: Mapping[str, Any]) -> StepResult:
        lines = inputs.get("runCommand")
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            problem = "runCommand must be a list of strings"
            return build_script_result(name, inputs, ScriptResult(1, problem=f"Invalid format: {problem}"))
        folder = str(inputs.get("workingDirectory") or "")
        script = Script(
            command_id=self._invocation.command_id,
            document_name=self._invocation.document_name,
            step=name,
            text="\n".join(lines) + "\n",
            environment=self._environment,
            folder=folder if folder.startswith("/") else None,
            timeout=parse_timeout(inputs.get("timeoutSeconds")),
        )
        return build_script_result(name, inputs, self._execute_with_reboots(script))

    def _execute_with_reboots(self, script: Script) -> ScriptResult:
        """Run a script, and run it again from its start after each reboot that it requests.

        The output of all runs is joined.
        https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/processor/executer/iohandler/iomodule/commandoutput.go
        """
        stdout = stderr = ""
        while self.reboot_count < MAX_REBOOTS:
            result = self._shell.execute(script, self._cancellation)
            stdout, stderr = stdout + result.stdout, stderr + result.stderr
            if result.exit_code != EXIT_REBOOT or result.ending != "exited":
                return replace(result, stdout=stdout, stderr=stderr)
            self.reboot_count += 1
            self._shell.reboot()
        raise _DocumentDropped


def _run_timed(run: _DocumentRun, step: Mapping[str, Any], *, is_last: bool) -> StepResult:
    started_at = time.monotonic()
    result = run.run_step(step, is_last=is_last)
    return replace(result, seconds=time.monotonic() - started_at)


def _ends_document(inputs: Mapping[str, Any], result: StepResult) -> bool:
    """Return whether the next steps are skipped. A step that timed out or was cancelled never ends the document.

    https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/framework/runpluginutil/runpluginutil.go
    (getShouldPluginSkipBasedOnControlFlow)
    """
    if result.exit_code in (EXIT_SUCCESS, EXIT_FAILURE):
        return True
    if result.status == "Failed":
        return inputs.get("onFailure") == "exit"
    return result.status == "Success" and inputs.get("onSuccess") == "exit"


def _is_true(value: Any) -> bool:
    return value is True or value == "true"

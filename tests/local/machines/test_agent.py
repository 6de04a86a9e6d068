"""Rules of the agent: which steps run, and which results it reports."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from local.machines.agent.agent import MAX_REBOOTS, run_document
from local.machines.agent.output import INTERRUPTED_MESSAGE
from local.machines.agent.shell import Cancellation, Script, ScriptResult
from local.machines.agent.timeouts import parse_timeout
from local.machines.errors import InvalidParameters, MachineHalted
from local.machines.host.interface import InvocationResult

from .build import document, invocation, shell_step


@dataclass
class FakeShell:
    """Shell that ends each script as `ends` says by step name. It raises an exception in the list."""

    ends: dict[str, list[int | ScriptResult | Exception]] = field(default_factory=dict)
    ran: list[Script] = field(default_factory=list)
    reboots: int = 0

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        self.ran.append(script)
        end = self.ends.get(script.step, [0])
        this = end.pop(0) if len(end) > 1 else end[0]
        if isinstance(this, Exception):
            raise this
        return ScriptResult(this) if isinstance(this, int) else this

    def reboot(self) -> None:
        self.reboots += 1


def run(content: dict[str, Any], shell: FakeShell, **parameters: list[str]) -> InvocationResult:
    return run_document(invocation(content, **parameters), shell, {"AWS_SSM_INSTANCE_ID": "i-1"}, Cancellation())


def test_exit_194_reboots_and_runs_step_again() -> None:
    shell = FakeShell({"two": [194, 194, 0]})
    result = run(document(shell_step("one", "x"), shell_step("two", "y"), shell_step("three", "z")), shell)
    assert [script.step for script in shell.ran] == ["one", "two", "two", "two", "three"]
    assert (shell.reboots, result.status) == (2, "Success")


def test_output_before_reboot_is_reported() -> None:
    shell = FakeShell({"one": [ScriptResult(194, "before\n", "why\n"), ScriptResult(0, "after\n", "")]})
    (step,) = run(document(shell_step("one", "x")), shell).steps
    assert (step.stdout, step.stderr) == ("before\nafter\n", "why\n")


def test_document_that_always_reboots_is_dropped_without_report() -> None:
    shell = FakeShell({"two": [194]})
    result = run(document(shell_step("one", "x"), shell_step("two", "y")), shell)
    assert (result.report, result.reboot_count, shell.reboots) == ("missing", MAX_REBOOTS, MAX_REBOOTS)
    assert [step.name for step in result.steps] == ["one"]


def test_machine_that_goes_down_during_document_blames_first_step() -> None:
    shell = FakeShell({"two": [MachineHalted("down")]})
    result = run(document(shell_step("one", "x"), shell_step("two", "y"), shell_step("three", "z")), shell)
    assert [script.step for script in shell.ran] == ["one", "two"], "the agent does not run the step again"
    assert (result.status, result.report) == ("Failed", "interrupted")
    (step,) = result.steps
    assert (step.name, step.status, step.exit_code, step.output) == ("one", "Failed", 1, INTERRUPTED_MESSAGE)
    assert (step.stdout, step.stderr) == ("", "")


def test_cancel_kills_running_step_and_cancels_later_steps() -> None:
    cancellation = Cancellation()

    class Cancelled(FakeShell):
        def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
            super().execute(script, cancellation)
            cancellation.set()
            return ScriptResult(-9, ending="cancelled")

    shell = Cancelled()
    content = document(shell_step("one", "x"), shell_step("two", "y"))
    result = run_document(invocation(content), shell, {}, cancellation)
    assert [(step.status, step.exit_code) for step in result.steps] == [("Cancelled", 137), ("Cancelled", 1)]
    assert (result.status, len(shell.ran)) == ("Cancelled", 1)


def test_step_for_other_platform_is_skipped_and_unknown_action_fails() -> None:
    steps: list[dict[str, Any]] = [
        {"action": f"aws:{action}", "name": action, "inputs": {}} for action in ("runPowerShellScript", "runDocument")
    ]
    assert [step.status for step in run(document(*steps), FakeShell()).steps] == ["Skipped", "Failed"]


def test_lines_and_parameters_become_script_and_environment() -> None:
    declared = {
        "who": {"type": "String", "interpolationType": "ENV_VAR"},
        "count": {"type": "Integer", "default": 2},
        "lines": {"type": "StringList"},
    }
    step = shell_step("one", workingDirectory="/srv", timeoutSeconds="{{ count }}")
    step["inputs"]["runCommand"] = "{{ lines }}"
    shell = FakeShell()
    run(
        document(step, shell_step("two", "echo {{count}} '{{ who }}'"), parameters=declared),
        shell,
        who=["a b"],
        lines=["x", "y"],
    )
    first, second = shell.ran
    assert (first.text, second.text) == ("x\ny\n", "echo 2 'a b'\n")
    sent = {"SSM_COMMAND_ID": first.command_id, "AWS_SSM_INSTANCE_ID": "i-1", "SSM_who": "a b"}
    assert first.environment == sent
    assert (first.folder, second.folder) == ("/srv", None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5),
        (172800, 172800),
        (900.5, 900),
        ("900.5", 900),
        ("1e3", 1000),
        ("4", 3600),
        ("172801", 3600),
        ("1e999", 3600),
        (None, 3600),
        (True, 3600),
        ("soon", 3600),
        (" 60 ", 3600),
    ],
)
def test_time_limit_out_of_range_means_one_hour(value: object, seconds: int) -> None:
    assert parse_timeout(value) == seconds


def test_parameters_are_checked_before_anything_runs() -> None:
    shell = FakeShell()
    with pytest.raises(InvalidParameters):
        run(document(shell_step("one", "x"), parameters={"needed": {"type": "String"}}), shell)
    assert shell.ran == []

"""Rules of the agent: what a document's steps do, and which results are reported."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from local.machines.agent.agent import cut_output, parse_timeout, run_document
from local.machines.agent.shell import Cancellation, Script, ScriptResult
from local.machines.errors import InvalidParameters, MachineHalted, MachineRebooted
from local.machines.host.interface import InvocationResult

from .build import document, invocation, shell_step


@dataclass
class FakeShell:
    """Ends each script as told, by step name; an exception in the list is raised."""

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


def exits(code: int, **inputs: Any) -> tuple[int, dict[str, Any]]:
    return code, inputs


@pytest.mark.parametrize(
    ("first", "second", "statuses", "overall"),
    [
        pytest.param(exits(0), {}, ["Success", "Success"], ("Success", 0), id="both succeed"),
        pytest.param(
            exits(3), {}, ["Failed", "Success"], ("Failed", 3), id="a failed step does not stop the later ones"
        ),
        pytest.param(exits(3, onFailure="exit"), {}, ["Failed", "Skipped"], ("Failed", 3), id="onFailure exit does"),
        pytest.param(
            exits(3, onFailure="successAndExit"), {}, ["Success", "Skipped"], ("Success", 3), id="and may be a success"
        ),
        pytest.param(exits(0, onFailure="exit"), {}, ["Success", "Success"], ("Success", 0), id="not when it succeeds"),
        pytest.param(exits(0, onSuccess="exit"), {}, ["Success", "Skipped"], ("Success", 0), id="onSuccess exit"),
        pytest.param(exits(3, onSuccess="exit"), {}, ["Failed", "Success"], ("Failed", 3), id="not when it fails"),
        pytest.param(exits(168), {}, ["Success", "Skipped"], ("Success", 168), id="168 ends as a success"),
        pytest.param(exits(169), {}, ["Failed", "Skipped"], ("Failed", 169), id="169 ends as a failure"),
        pytest.param(
            exits(169), {"finallyStep": True}, ["Failed", "Success"], ("Failed", 169), id="the final step runs anyway"
        ),
        pytest.param(exits(-9), {}, ["Failed", "Success"], ("Failed", -9), id="killed by a signal is failed"),
    ],
)
def test_exit_code_decides_whether_next_steps_run(
    first: tuple[int, dict[str, Any]], second: dict[str, Any], statuses: list[str], overall: tuple[str, int]
) -> None:
    content = document(shell_step("first", "x", **first[1]), shell_step("second", "y", **second))
    result = run(content, FakeShell({"first": [first[0]]}))
    assert [step.status for step in result.steps] == statuses
    assert (result.status, result.exit_code) == overall


def test_exit_194_reboots_and_runs_step_again() -> None:
    shell = FakeShell({"two": [194, 194, 0]})
    result = run(document(shell_step("one", "x"), shell_step("two", "y"), shell_step("three", "z")), shell)
    assert [script.step for script in shell.ran] == ["one", "two", "two", "two", "three"]
    assert (shell.reboots, result.status) == (2, "Success")


def test_output_before_reboot_is_reported() -> None:
    shell = FakeShell({"one": [ScriptResult(194, "before\n", "why\n"), ScriptResult(0, "after\n", "")]})
    (step,) = run(document(shell_step("one", "x")), shell).steps
    assert (step.stdout, step.stderr) == ("before\nafter\n", "why\n")


def test_document_that_always_reboots_is_abandoned() -> None:
    shell = FakeShell({"one": [194]})
    assert run(document(shell_step("one", "x")), shell).status == "Failed"
    assert shell.reboots == 15


def test_step_interrupted_by_reboot_runs_again() -> None:
    shell = FakeShell({"one": [MachineRebooted("down"), 0]})
    assert run(document(shell_step("one", "x")), shell).status == "Success"
    assert len(shell.ran) == 2


def test_machine_that_halts_during_document_gives_no_result() -> None:
    with pytest.raises(MachineHalted):
        run(document(shell_step("one", "x")), FakeShell({"one": [MachineHalted("down")]}))


def test_step_over_time_limit_times_out_and_next_step_runs() -> None:
    shell = FakeShell({"one": [ScriptResult(-9, "so far", "", "timed out")]})
    result = run(document(shell_step("one", "x"), shell_step("two", "y")), shell)
    assert [(step.status, step.exit_code) for step in result.steps] == [("TimedOut", 137), ("Success", 0)]
    assert (result.status, result.steps[0].stdout) == ("TimedOut", "so far")


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
    assert [step.status for step in result.steps] == ["Cancelled", "Cancelled"]
    assert (result.status, len(shell.ran)) == ("Cancelled", 1)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["platformType", "Linux"], "Success"),
        (["Linux", "platformType"], "Success"),
        (["platformType", "Windows"], "Skipped"),
        (["{{ wish }}", "yes"], "Success"),
        (["{{ wish }}", "no"], "Skipped"),
        (["platformType"], "Failed"),
    ],
)
def test_step_with_unmet_precondition_is_skipped(words: list[str], status: str) -> None:
    step = {**shell_step("one", "x"), "precondition": {"StringEquals": words}}
    result = run(document(step, parameters={"wish": {"type": "String", "default": "yes"}}), FakeShell())
    assert result.steps[0].status == status


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
    assert first.environment == {"AWS_SSM_INSTANCE_ID": "i-1", "SSM_who": "a b"}
    assert (first.folder, second.folder) == ("/srv", None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5", 5), (172800, 172800), ("4", 3600), ("172801", 3600), (None, 3600), ("soon", 3600), (" 60 ", 60)],
)
def test_time_limit_out_of_range_means_one_hour(value: object, seconds: int) -> None:
    assert parse_timeout(value) == seconds


def test_output_is_cut_to_limit_with_mark_of_agent() -> None:
    long = ScriptResult(0, "o" * 24_001, "e" * 8_001)
    step = run(document(shell_step("one", "x")), FakeShell({"one": [long]})).steps[0]
    assert (len(step.stdout), len(step.stderr)) == (24_000, 8_000)
    assert step.stdout.endswith("o--output truncated--")
    assert cut_output("x" * 24_000, 24_000) == "x" * 24_000


def test_failed_step_reports_message_of_agent() -> None:
    failed = FakeShell({"one": [ScriptResult(7, "", "no such thing")]})
    step = run(document(shell_step("one", "x")), failed).steps[0]
    assert step.stderr == "no such thing\nfailed to run commands: exit status 7"


def test_parameters_are_checked_before_anything_runs() -> None:
    shell = FakeShell()
    with pytest.raises(InvalidParameters):
        run(document(shell_step("one", "x"), parameters={"needed": {"type": "String"}}), shell)
    assert shell.ran == []

"""The double follows the rules of the real SSM agent, which are data: `agent_contract.json`.

`run_agent_contract.py` runs the same file against an agent, and `agent_contract.go` against the agent's own engine.
"""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.machines.agent.agent import run_document
from local.machines.agent.documents import validate_document
from local.machines.agent.shell import Cancellation, Script, ScriptResult, Shell
from local.machines.agent.timeouts import parse_timeout
from local.machines.host.fleet import build_agent_environment
from local.machines.host.interface import InvocationResult
from local.machines.host.sandboxed import SandboxedMachines

from .build import invocation, spec
from .run_agent_contract import find_differences, load_contract

CONTRACT = load_contract()
CASES = CONTRACT["cases"]
ENGINE_CASES = [case for case in CASES if case["runs_on"] == "engine"]
MACHINE_CASES = [case for case in CASES if case["runs_on"] != "engine"]

TIME_SCALE = 0.05
"""Time limits and cancellations come earlier than the contract says, so that the test does not wait for seconds."""


class ProcessShell:
    """Shell whose scripts run on this computer, each in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        path = self._folder / f"{script.step}.sh"
        path.write_text(script.text)
        path.chmod(0o700)
        process = subprocess.Popen(
            ["sh", "-c", str(path)], cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env={"PATH": os.defpath, **script.environment},
        )  # fmt: skip
        with cancellation.on_cancel(lambda: _kill_group(process)):
            try:
                stdout, stderr = process.communicate(timeout=script.timeout * TIME_SCALE)
            except subprocess.TimeoutExpired:
                _kill_group(process)
                stdout, stderr = process.communicate()
                return ScriptResult(-signal.SIGKILL, stdout, stderr, "timed out")
        ending = "cancelled" if cancellation.is_set() else "exited"
        return ScriptResult(process.returncode, stdout, stderr, ending)  # type: ignore[arg-type]

    def reboot(self) -> None:
        raise NotImplementedError


class SandboxShell:
    """Shell whose scripts run on a sandboxed machine."""

    def __init__(self, fleet: SandboxedMachines, instance_id: str) -> None:
        self._fleet = fleet
        self._instance_id = instance_id

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        shortened = replace(script, timeout=script.timeout * TIME_SCALE)
        return self._fleet.get_machine(self._instance_id).execute(shortened, cancellation)

    def reboot(self) -> None:
        self._fleet.halt(self._instance_id)
        self._fleet.boot(self._instance_id)


@pytest.fixture(scope="module")
def contract_machine(fleet: SandboxedMachines) -> Iterator[str]:
    one = spec(921)
    fleet.create(one)
    fleet.boot(one.instance_id)
    yield one.instance_id
    fleet.destroy(one.instance_id)


def run_case(case: Mapping[str, Any], shell: Shell) -> InvocationResult:
    cancellation = Cancellation()
    timer = threading.Timer(case.get("cancel_after_seconds", 0) * 0.2, cancellation.set)
    if "cancel_after_seconds" in case:
        timer.start()
    command = invocation(case["document"], **case.get("parameters", {}))
    return run_document(command, shell, build_agent_environment(spec()), cancellation)


def check_case(case: Mapping[str, Any], result: InvocationResult) -> None:
    steps = [
        {"name": step.name, "status": step.status, "code": step.exit_code}
        | {"stdout": step.stdout, "stderr": step.stderr, "output": step.output}
        for step in result.steps
    ]
    assert find_differences(case["expected"], result.status, steps) == []


@pytest.mark.parametrize("case", ENGINE_CASES, ids=[case["name"] for case in ENGINE_CASES])
def test_engine_follows_rule_of_real_agent(case: Mapping[str, Any], tmp_path: Path) -> None:
    check_case(case, run_case(case, ProcessShell(tmp_path)))


@pytest.mark.parametrize("case", MACHINE_CASES, ids=[case["name"] for case in MACHINE_CASES])
def test_machine_follows_rule_of_real_agent(
    case: Mapping[str, Any], fleet: SandboxedMachines, contract_machine: str
) -> None:
    """Run the scripts in a sandbox: these rules are about processes, folders and boots, which only a machine has."""
    check_case(case, run_case(case, SandboxShell(fleet, contract_machine)))
    fleet.boot(contract_machine)


@pytest.mark.parametrize("limit", CONTRACT["time_limits"]["values"], ids=lambda limit: repr(limit["value"]))
def test_time_limit_is_read_as_by_real_agent(limit: Mapping[str, Any]) -> None:
    assert parse_timeout(limit["value"]) == limit["seconds"]


def test_every_rule_of_the_contract_is_a_valid_document_with_its_sources() -> None:
    for case in CASES:
        validate_document(json.dumps(case["document"]))
        assert case["sources"], case["name"]
        assert case["runs_on"] in ("engine", "machine", "rebooting machine")
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_difference_from_expected_result_is_found() -> None:
    expected = {"status": "Success", "steps": [{"name": "one", "code": 0, "stdout_length": 2, "stdout_end": "b"}]}
    step = {"name": "one", "code": 0, "stdout": "ab"}
    assert find_differences(expected, "Success", [step]) == []
    for status, steps in (("Failed", [step]), ("Success", []), ("Success", [step | {"stdout": "abb"}])):
        assert find_differences(expected, status, steps)


def _kill_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

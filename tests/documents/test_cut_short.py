"""Every script of every document, killed again and again on its way, comes to its good end by running again.

They really run, on a pretend machine; the kill takes the script and all that it has started, as a power failure would.
The slow run cuts at many more places.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errands import BENCHMARK
from chalicelib.store import data_files
from local.machines.choose import why_no_sandbox
from local.machines.port import Invocation, MachineSpec, StepResult
from local.machines.sandboxed import SandboxedMachines
from ssm_documents.compose import compose, document_names
from tests.documents.pytorch import PUT_IT_THERE

VALUES = {
    "attemptId": "a1",
    "gpuCount": "1",
    "action": "remove",
    "heartbeatKey": "AROAEXAMPLE:i-0a",
    "heartbeatTable": "heartbeats",
    "heartbeatRegion": "us-east-1",
}
"""Of the parameters that have no default."""

RELEASES = {"gpudesk-cuda-10-1": "18.04", "gpudesk-d2l-mxnet": "18.04"}
"""Of Ubuntu, for those that are not for 22.04."""

PRELUDE_ENDS = '  say "This step runs again, after reboot $(gpudesk_reboots)."'
"""And a line later; the prelude itself is cut in test_prelude.py."""

CUT = "CUT=0; trap '((++CUT == {at})) && kill -KILL 0' DEBUG; set -o functrace"
"""Before the command of that number. Whatever runs in the script's process group dies with it."""

ENOUGH = 5_000
"""No script of ours has so many commands."""

SEVERAL = (3, 19, 71, ENOUGH)
MANY = (*range(1, 200, 4), ENOUGH)
KILLED = -9


class Machine:
    """Runs single steps."""

    def __init__(self, machines: SandboxedMachines) -> None:
        self._machines = machines
        self._commands = itertools.count(1)

    def run(self, document: dict[str, Any], step: dict[str, Any], attempt: str = "a1") -> StepResult:
        command = Invocation(
            command_id=f"c-{next(self._commands)}",
            document_name="document",
            document={**document, "mainSteps": [step]},
            parameters={
                name: [value]
                for name, value in (VALUES | {"attemptId": attempt}).items()
                if name in document["parameters"]
            },
        )
        (result,) = self._machines.run("i-0a", command).steps
        return result

    def prepare(self, name: str) -> None:
        """What a recipe has run before this document."""
        for recipe in data_files.recipes().values():
            before = list(itertools.takewhile(lambda use: use.name != name, recipe.documents))
            if len(before) < len(recipe.documents):
                for use in before:
                    document = compose(use.name)
                    for step in document["mainSteps"]:
                        result = self.run(document, step, f"before-{name}")
                        assert result.status == "Success", result
                return
        if name == BENCHMARK:
            step = {"action": "aws:runShellScript", "name": "pytorch", "inputs": {"runCommand": list(PUT_IT_THERE)}}
            assert self.run({"schemaVersion": "2.2", "parameters": {}}, step).status == "Success"


def cut(step: dict[str, Any], at: int) -> dict[str, Any]:
    """The step, killed before a command of its own."""
    lines = step["inputs"]["runCommand"]
    begins = lines.index(PRELUDE_ENDS) + 2
    return {**step, "inputs": {**step["inputs"], "runCommand": [*lines[:begins], CUT.format(at=at), *lines[begins:]]}}


@pytest.fixture(scope="module")
def now() -> Callable[[], datetime]:
    minutes = itertools.count()
    return lambda: datetime(2026, 11, 23, tzinfo=UTC) + next(minutes) * timedelta(minutes=1)


@pytest.fixture(scope="module")
def a_sandbox(now: Callable[[], datetime]) -> None:
    if why := why_no_sandbox(now):
        pytest.skip(why)


@pytest.fixture
def machine(
    request: pytest.FixtureRequest, tmp_path: Path, now: Callable[[], datetime], a_sandbox: None
) -> Iterator[Machine]:
    machines = SandboxedMachines(root=tmp_path, now=now)
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    release = RELEASES.get(request.node.callspec.params["name"], "22.04")
    spec = MachineSpec("i-0a", "g4dn.xlarge", "us-east-1", "Tesla T4", 1, 16384, "x86_64", "Ubuntu", release, nobody)
    machines.create(spec)
    machines.boot("i-0a")
    yield Machine(machines)
    machines.close()


@pytest.mark.parametrize("name", document_names())
def test_a_step_that_is_cut_anywhere_is_repaired_by_running_again(machine: Machine, name: str) -> None:
    machine.prepare(name)
    document = compose(name)
    for step in document["mainSteps"]:
        results = list(until_it_is_not_cut(machine, document, step))
        assert results[-1].status == "Success", results[-1]
        assert len(results) > 2, "it was cut more than once"
        again = machine.run(document, step, "a2")
        assert again.status == "Success", again


def until_it_is_not_cut(machine: Machine, document: dict[str, Any], step: dict[str, Any]) -> Iterator[StepResult]:
    """Run after run of one attempt, each killed later than the one before it."""
    for at in MANY if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else SEVERAL:
        result = machine.run(document, cut(step, at))
        yield result
        if result.exit_code != KILLED:
            return

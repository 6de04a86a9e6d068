"""Every script of every document, killed again and again on its way, comes to its good end by running again.

They really run, on a pretend machine; the kill takes the script and all that it has started, as a power failure would.
The slow run cuts at many more places.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.store import data_files
from local.machines.host.interface import Invocation, MachineSpec, StepResult
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose, list_document_names
from tests.support.pytorch import INSTALL_LINES

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

PRELUDE_ENDS = '  say "This step runs again, after reboot $(gpudesk_count_reboots)."'
"""And a line later; the prelude itself is cut in test_prelude.py."""

CUT = "CUT=0; trap '((++CUT == {at})) && kill -KILL 0' DEBUG; set -o functrace"
"""Before the command of that number. Whatever runs in the script's process group dies with it."""

ENOUGH = 5_000
"""No script of ours has so many commands."""

SEVERAL = (3, 19, 71, ENOUGH)
MANY = (*range(1, 200, 4), ENOUGH)
KILLED = -9


PROBE = "gpudesk-probe"


class Machine:
    """Runs single steps.

    :param with_probe: its disk begins with the probe, which was set up on another
    """

    def __init__(self, machines: SandboxedMachines, *, with_probe: bool = False) -> None:
        self._machines = machines
        self._commands = itertools.count(1)
        self._with_probe = with_probe

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

    def set_up(self, name: str) -> None:
        """Run a whole document."""
        document = compose(name)
        for step in document["mainSteps"]:
            result = self.run(document, step, "before")
            assert result.status == "Success", result

    def prepare(self, name: str) -> None:
        """What a recipe has run before this document."""
        for each in before(name) if not self._with_probe else ():
            self.set_up(each)
        if name == BENCHMARK_DOCUMENT:
            step = {"action": "aws:runShellScript", "name": "pytorch", "inputs": {"runCommand": list(INSTALL_LINES)}}
            assert self.run({"schemaVersion": "2.2", "parameters": {}}, step).status == "Success"


def before(name: str) -> list[str]:
    """The documents that a recipe has run before this one."""
    for recipe in data_files.load_packaged_recipes().values():
        names = [use.name for use in recipe.documents]
        if name in names:
            return names[: names.index(name)]
    return []


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
    if why := find_sandbox_problem(now):
        pytest.skip(why)


@contextmanager
def booted(
    folder: Path, now: Callable[[], datetime], release: str = "22.04", images: Path | None = None
) -> Iterator[SandboxedMachines]:
    """A machine, with the probe on its disk where it is known from `images`."""
    machines = SandboxedMachines(root=folder, now=now)
    if images is not None:
        (folder / ".images").symlink_to(images)
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    spec = MachineSpec("i-0a", "g4dn.xlarge", "us-east-1", "Tesla T4", 1, 16384, "x86_64", "Ubuntu", release, nobody)
    machines.create(replace(spec, source_image=PROBE if images is not None else None))
    machines.boot("i-0a")
    yield machines
    machines.close()


@pytest.fixture(scope="module")
def with_probe(tmp_path_factory: pytest.TempPathFactory, now: Callable[[], datetime], a_sandbox: None) -> Path:
    """The folder of a disk on which the probe was set up, once for all documents that come after it alone."""
    with booted(tmp_path_factory.mktemp("probe"), now) as machines:
        Machine(machines).set_up(PROBE)
        machines.halt("i-0a")
        machines.capture("i-0a", PROBE)
        return machines.root / ".images"


@pytest.fixture
def machine(
    request: pytest.FixtureRequest, tmp_path: Path, now: Callable[[], datetime], with_probe: Path
) -> Iterator[Machine]:
    name = request.node.callspec.params["name"]
    release = RELEASES.get(name, "22.04")
    images = with_probe if before(name) == [PROBE] else None
    with booted(tmp_path, now, release, images) as machines:
        yield Machine(machines, with_probe=images is not None)


@pytest.mark.parametrize("name", list_document_names())
def test_rerun_repairs_a_step_that_was_interrupted_anywhere(machine: Machine, name: str) -> None:
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

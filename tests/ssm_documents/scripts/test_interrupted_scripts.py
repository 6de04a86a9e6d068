"""Interruption of each step of each document: the step runs again and repairs what the first run left half done.

The scripts really run, in a sandbox. An interruption kills the script and all processes that it has started, as a power
failure would. The slow run interrupts at many more places.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.instances.before_stop import BEFORE_STOP_DOCUMENT
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from local.machines.host.interface import StepResult
from local.machines.host.sandboxed import SandboxedMachines
from ssm_documents.compose import list_document_names
from ssm_documents.library import LOADING_LINE
from tests.support.documents import copy_document, forget_previous_step
from tests.support.pytorch import INSTALL_FAKE_PYTORCH
from tests.support.sandbox import Machine, booted

MACHINES = {
    "jupyter": ("22.04", (BEFORE_STOP_DOCUMENT, "gpudesk-probe", "gpudesk-jupyter", "gpudesk-image")),
    "pytorch": ("22.04", ("gpudesk-d2l-pytorch", BENCHMARK_DOCUMENT)),
    "mxnet": ("18.04", ("gpudesk-cuda-10-1", "gpudesk-d2l-mxnet")),
}
"""Release of Ubuntu of each machine, and the documents that run on it one after the other, as in the recipes."""

CASES = [(machine, name) for machine, (_, names) in MACHINES.items() for name in names]

KILL = "COUNT=0; trap '((++COUNT == {at})) && kill -KILL 0' DEBUG; set -o functrace"
"""Kill the process group of the script before the command of this number."""

AFTER_THE_END = 5_000
"""No script has so many commands."""

HOOK = "/home/ubuntu/save.sh"

IS_SLOW_RUN = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
FEW_PLACES = (3, 19, 71, AFTER_THE_END)
MANY_PLACES = (*range(1, 200, 4), AFTER_THE_END)
KILLED = -1
"""Exit code that the agent reports for a script that a signal has ended."""


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, fleet: SandboxedMachines) -> Iterator[Machine]:
    release, _ = MACHINES[request.param]
    with booted(fleet, release=release) as machine:
        machine.defaults |= {"action": "remove", "hook": HOOK, "seconds": "20", "stopReason": "idle"}
        yield machine


@pytest.fixture(scope="module")
def complete_documents() -> set[str]:
    """Return the names of the documents that have run completely; a test adds its own."""
    return set()


def test_every_document_is_interrupted() -> None:
    assert sorted(name for _, name in CASES) == list(list_document_names())


@pytest.mark.parametrize(("machine", "name"), CASES, indirect=["machine"], ids=[name for _, name in CASES])
def test_rerun_repairs_a_step_that_was_interrupted_anywhere(
    machine: Machine, name: str, request: pytest.FixtureRequest, complete_documents: set[str]
) -> None:
    prepare(machine, request.node.callspec.params["machine"], name, complete_documents)
    document = copy_document(name)
    for step in list_steps(name, document):
        results = list(run_until_complete(machine, document, step))
        assert results[-1].status == "Success", results[-1]
        assert len(results) > 2, "the step was interrupted more than once"
        if IS_SLOW_RUN or not runs_always(step):
            again = run_step(machine, document, forget_previous_step(step), "a2")
            assert "was done before" in again.stdout or runs_always(step), again
            assert again.status == "Success", again
    complete_documents.add(name)


def list_steps(name: str, document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a document. The fast run starts JupyterLab in one document only: they share the function."""
    if IS_SLOW_RUN or name == "gpudesk-jupyter":
        return list(document["mainSteps"])
    return [
        step
        for step in document["mainSteps"]
        if not any(line.startswith("serve_jupyter ") for line in get_own_lines(step))
    ]


def runs_always(step: dict[str, Any]) -> bool:
    """Return whether each attempt runs the step. The tests of its document run it again in another attempt."""
    return "GPUDESK_ALWAYS='1'" in step["inputs"]["runCommand"]


def get_own_lines(step: dict[str, Any]) -> list[str]:
    """Return the lines of a step after those that load the library."""
    lines: list[str] = step["inputs"]["runCommand"]
    return lines[lines.index(LOADING_LINE) + 1 :]


def prepare(machine: Machine, machine_name: str, name: str, complete_documents: set[str]) -> None:
    """Run the documents before this one that have not run, as when a test runs alone."""
    _, names = MACHINES[machine_name]
    for earlier in names[: names.index(name)]:
        if earlier not in complete_documents:
            assert machine.run(earlier).status == "Success"
            complete_documents.add(earlier)
    if name == BEFORE_STOP_DOCUMENT:
        machine.shell(f"printf '#!/bin/sh\\n' >{HOOK}; chmod 755 {HOOK}; chown ubuntu: {HOOK}")
    if name == BENCHMARK_DOCUMENT:
        machine.shell(*INSTALL_FAKE_PYTORCH)


def run_until_complete(machine: Machine, document: dict[str, Any], step: dict[str, Any]) -> Iterator[StepResult]:
    """Run the step of one attempt again and again, each time interrupted later."""
    for at in MANY_PLACES if IS_SLOW_RUN else FEW_PLACES:
        result = run_step(machine, document, interrupt(step, at), "a1")
        yield result
        if result.exit_code != KILLED:
            return


def run_step(machine: Machine, document: dict[str, Any], step: dict[str, Any], attempt: str) -> StepResult:
    return machine.run({**document, "mainSteps": [step]}, attempt).steps[0]


def interrupt(step: dict[str, Any], at: int) -> dict[str, Any]:
    """Return the step with a kill before one of its commands. test_prelude.py interrupts the prelude itself."""
    own_lines = get_own_lines(step)
    before = step["inputs"]["runCommand"][: -len(own_lines)]
    commands = [*before, KILL.format(at=at), *own_lines]
    return {**step, "inputs": {**step["inputs"], "runCommand": commands}}

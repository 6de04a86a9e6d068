"""Sandboxed machines for tests: a fleet of real processes, and machines that run documents and lines of shell.

If this computer cannot run a sandbox, the tests are skipped with the reason; with NEEDS_SANDBOX=1 they fail.
"""

import functools
import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from local.demo.notebook import Cell, Notebook
from local.machines.host.interface import Invocation, InvocationResult, MachineSpec, StepResult
from local.machines.host.sandboxed import OnPowerOff, SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from tests.support.documents import copy_document, forget_previous_step

NO_CLOUD = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
"""Environment of a machine on which every call to AWS fails at once."""

TIMEOUT_SECONDS = 30.0
"""A longer wait for a program on a machine is a failure."""

_LOOK_SECONDS = 0.05
"""Pause between two looks. A look costs CPU time that the machine needs."""

T = TypeVar("T")

_numbers = itertools.count(1)


@functools.cache
def _find_problem() -> str:
    """Return why this computer cannot run a sandbox. It boots a machine to find that out, so once is enough."""
    return find_sandbox_problem(MinuteClock())


@contextmanager
def open_fleet(
    folder: Path, now: Callable[[], datetime], on_power_off: OnPowerOff | None = None
) -> Iterator[SandboxedMachines]:
    """Open an empty fleet, and halt its machines at the end."""
    if problem := _find_problem():
        assert not os.environ.get("NEEDS_SANDBOX"), problem
        pytest.skip(problem)
    fleet = SandboxedMachines(folder, now, on_power_off)
    try:
        yield fleet
    finally:
        fleet.close()


class MinuteClock:
    """A time that advances by a minute at each call."""

    def __init__(self) -> None:
        self._minutes = itertools.count()

    def __call__(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + next(self._minutes) * timedelta(minutes=1)


class Machine:
    """A running machine of a fleet.

    :ivar defaults: values of parameters, for documents that have them
    """

    def __init__(self, fleet: SandboxedMachines, spec: MachineSpec) -> None:
        """Create the machine and boot it."""
        self.fleet = fleet
        self.id = spec.instance_id
        self.defaults = {
            "gpuCount": str(spec.gpu_count),
            "heartbeatKey": f"AROAEXAMPLE:{self.id}",
            "heartbeatTable": "heartbeats",
            "heartbeatRegion": spec.region,
        }
        fleet.create(spec)
        fleet.boot(self.id)

    def run(self, document: str | Mapping[str, Any], attempt: str | None = None, **parameters: str) -> InvocationResult:
        """Run a document.

        :param document: its name or its content
        :param attempt: the attempt id; None is a new one
        """
        number = next(_numbers)
        name, content = (document, copy_document(document)) if isinstance(document, str) else ("document", document)
        declared = content.get("parameters", {})
        defaults = {"attemptId": attempt or f"a{number}", **self.defaults}
        values = {key: value for key, value in defaults.items() if key in declared} | parameters
        command = Invocation(f"c-{number}", name, content, {key: [value] for key, value in values.items()})
        return self.fleet.run(self.id, command)

    def run_steps(self, document: str | Mapping[str, Any], *names: str, **parameters: str) -> list[StepResult]:
        """Run only these steps of a document, in a new attempt. The document has run before on this machine."""
        content = copy_document(document) if isinstance(document, str) else document
        steps = [forget_previous_step(step) for step in content["mainSteps"] if step["name"] in names]
        return list(self.run({**content, "mainSteps": steps}, **parameters).steps)

    def run_lines(self, *lines: str) -> StepResult:
        """Run lines of shell."""
        step = {"action": "aws:runShellScript", "name": "shell", "inputs": {"runCommand": list(lines)}}
        return self.run({"schemaVersion": "2.2", "description": "d", "mainSteps": [step]}).steps[0]

    def shell(self, *lines: str) -> str:
        """Return the output of lines of shell, whose last command must succeed, without the space around it."""
        result = self.run_lines(*lines)
        assert result.status == "Success", result
        return result.stdout.strip()

    def forward(self, port: int) -> int:
        """Return a port of this computer that leads to a port of the machine until the fleet is closed."""
        return self.fleet.forward(self.id, port, 0).local_port

    def halt(self) -> None:
        """Halt the machine."""
        self.fleet.halt(self.id)

    def boot(self) -> None:
        """Boot the halted machine."""
        self.fleet.boot(self.id)


def wait_for(read: Callable[[], T], condition: Callable[[T], object]) -> T:
    """Return the first value for which the condition is true."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition(value := read()):
        assert time.monotonic() < deadline, f"still {value} after {TIMEOUT_SECONDS:.0f} s"
        time.sleep(_LOOK_SECONDS)
    return value


@contextmanager
def booted(
    fleet: SandboxedMachines,
    *,
    gpu: str | None = "Tesla T4",
    release: str = "22.04",
    environment: Mapping[str, str] = NO_CLOUD,
    source_image: str | None = None,
) -> Iterator[Machine]:
    """Boot a new machine, and halt it at the end.

    :param gpu: model of its only GPU, or None
    :param release: of Ubuntu
    :param source_image: id of the image whose captured disk the machine starts with
    """
    spec = MachineSpec(
        instance_id=f"i-{0xD0C00000 + next(_numbers):017x}",
        instance_type="g4dn.xlarge",
        region="us-east-1",
        gpu=gpu,
        gpu_count=1 if gpu else 0,
        gpu_memory_mib=16384 if gpu else 0,
        platform_version=release,
        environment=environment,
        source_image=source_image,
    )
    machine = Machine(fleet, spec)
    try:
        yield machine
    finally:
        machine.halt()


def list_executed_steps(result: InvocationResult) -> list[str]:
    """Return the names of the steps that were not skipped as done before."""
    return [step.name for step in result.steps if "was done before" not in step.stdout]


def read_error(result: InvocationResult) -> str:
    """Return the standard error of the only failed step."""
    (step,) = [step for step in result.steps if step.status == "Failed"]
    return step.stderr


def run_cell(notebook: Notebook, path: str, code: str) -> Cell:
    """Run code in the kernel of a notebook to its end."""
    cell = notebook.run_cell(path, code)
    return wait_for(lambda: cell, lambda cell: cell.has_ended)

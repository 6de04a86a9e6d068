"""gpudesk-benchmark on a pretend machine: its script really runs; PyTorch and the GPU's figures are a stand-in's."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from local.machines.host.interface import Invocation, MachineSpec, StepResult
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose
from tests.support.pytorch import H100_RESULTS, INSTALL_LINES

NAME = "gpudesk-benchmark"


class Machine:
    """Runs the document, and lines of shell."""

    def __init__(self, machines: SandboxedMachines) -> None:
        self._machines = machines
        self._commands = itertools.count(1)

    def boot(self, instance_id: str, gpu: str | None) -> None:
        nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        count = 1 if gpu else 0
        self._machines.create(MachineSpec(instance_id, "p5.4xlarge", "us-east-1", gpu, count, environment=nobody))
        self._machines.boot(instance_id)

    def measure(self, attempt: str, instance_id: str = "i-0a", **parameters: str) -> StepResult:
        values = {"attemptId": [attempt], **{name: [value] for name, value in parameters.items()}}
        invocation = Invocation(f"c-{next(self._commands)}", NAME, compose(NAME), values)
        (step,) = self._machines.run(instance_id, invocation).steps
        return step

    def shell(self, *lines: str) -> str:
        step = {"action": "aws:runShellScript", "name": "shell", "inputs": {"runCommand": list(lines)}}
        document = {"schemaVersion": "2.2", "description": "d", "mainSteps": [step]}
        result = self._machines.run("i-0a", Invocation(f"c-{next(self._commands)}", "shell", document, {}))
        return result.steps[0].stdout.strip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    minutes = itertools.count()
    now: Callable[[], datetime] = lambda: datetime(2026, 11, 23, tzinfo=UTC) + next(minutes) * timedelta(minutes=1)  # noqa: E731
    if why := find_sandbox_problem(now):
        pytest.skip(why)
    machines = SandboxedMachines(root=tmp_path_factory.mktemp("machines"), now=now)
    made = Machine(machines)
    made.boot("i-0a", "NVIDIA H100 80GB HBM3")
    made.boot("i-0b", None)
    yield made
    machines.close()


@pytest.fixture
def pytorch(machine: Machine) -> Iterator[None]:
    """The recipe's environment, for as long as a test."""
    machine.shell(*INSTALL_LINES)
    yield
    machine.shell("rm -rf /opt/gpudesk/d2l /home/ubuntu/broken /home/ubuntu/runs")


def test_instance_without_a_gpu_fails_with_advice(machine: Machine) -> None:
    step = machine.measure("no-gpu", "i-0b")
    assert (step.status, step.exit_code) == ("Failed", 1)
    assert "nvidia-smi --list-gpus finds no NVIDIA GPU" in step.stderr


def test_instance_without_pytorch_fails_with_advice(machine: Machine) -> None:
    step = machine.measure("no-pytorch")
    assert step.status == "Failed"
    assert "The benchmark needs PyTorch" in step.stderr
    assert "d2l-pytorch" in step.stderr


def test_output_is_only_the_result_and_a_repeated_command_prints_it_again(machine: Machine, pytorch: None) -> None:
    first = machine.measure("a1", seconds="5")
    assert (first.status, first.stderr) == ("Success", "")
    assert json.loads(first.stdout) == json.loads(H100_RESULTS)
    assert machine.measure("a1", seconds="5").stdout == first.stdout
    assert machine.shell("cat /home/ubuntu/runs") == "run"
    assert machine.shell("cat /var/lib/gpudesk/benchmark/log") == "measuring with --seconds 5 --cpu 0"
    assert machine.measure("a2").stdout == first.stdout
    assert machine.shell("cat /home/ubuntu/runs") == "run\nrun", "another attempt measures again"


def test_failed_benchmark_shows_the_last_lines(machine: Machine, pytorch: None) -> None:
    machine.shell("touch /home/ubuntu/broken")
    step = machine.measure("b1")
    assert (step.status, step.stdout) == ("Failed", "")
    assert "CUDA error: out of memory" in step.stderr
    assert "The benchmark failed. See the last lines of /opt/gpudesk/d2l/bin/python above." in step.stderr
    assert machine.measure("b1").status == "Failed", "and is not run again by the same attempt"
    assert machine.shell("cat /home/ubuntu/runs") == "run"

"""gpudesk-benchmark in a sandbox: its script really runs; a fake PyTorch prints the results of an H100."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ssm_documents
from local.machines.host.interface import StepResult
from local.machines.host.sandboxed import SandboxedMachines
from tests.support.pytorch import H100_RESULTS, INSTALL_FAKE_PYTORCH
from tests.support.sandbox import Machine, booted

NAME = "gpudesk-benchmark"


@pytest.fixture(scope="module")
def machine(fleet: SandboxedMachines) -> Iterator[Machine]:
    with booted(fleet, gpu="NVIDIA H100 80GB HBM3") as machine:
        yield machine


@pytest.fixture
def pytorch(machine: Machine) -> Iterator[None]:
    """Install the fake PyTorch for one test."""
    machine.shell(*INSTALL_FAKE_PYTORCH)
    yield
    machine.shell("rm -rf /opt/gpudesk/d2l /home/ubuntu/broken /home/ubuntu/runs")


def measure(machine: Machine, attempt: str, **parameters: str) -> StepResult:
    (step,) = machine.run(NAME, attempt, **parameters).steps
    return step


def test_all_modules_of_the_program_are_installed() -> None:
    folder = Path(ssm_documents.__file__).parent / NAME
    installed = re.findall(r"^@@(.+)@@$", (folder / "measure.sh").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(installed) == sorted(module.name for module in folder.glob("*.py"))


def test_instance_without_a_gpu_fails_with_advice(fleet: SandboxedMachines) -> None:
    with booted(fleet, gpu=None) as machine:
        step = measure(machine, "no-gpu")
    assert (step.status, step.exit_code) == ("Failed", 1)
    assert "nvidia-smi --list-gpus finds no NVIDIA GPU" in step.stderr


def test_instance_without_pytorch_fails_with_advice(machine: Machine) -> None:
    step = measure(machine, "no-pytorch")
    assert step.status == "Failed"
    assert "The benchmark needs PyTorch" in step.stderr
    assert "d2l-pytorch" in step.stderr


def test_output_is_only_the_result_and_a_repeated_command_prints_it_again(machine: Machine, pytorch: None) -> None:
    first = measure(machine, "a1", seconds="5")
    assert (first.status, first.stderr) == ("Success", "")
    assert json.loads(first.stdout) == json.loads(H100_RESULTS)
    assert measure(machine, "a1", seconds="5").stdout == first.stdout
    assert machine.shell("cat /home/ubuntu/runs") == "run"
    assert machine.shell("cat /var/lib/gpudesk/benchmark/log") == "measuring with --seconds 5 --cpu 0"
    assert measure(machine, "a2").stdout == first.stdout
    assert machine.shell("cat /home/ubuntu/runs") == "run\nrun", "another attempt measures again"


def test_failed_benchmark_shows_the_last_lines(machine: Machine, pytorch: None) -> None:
    machine.shell("touch /home/ubuntu/broken")
    step = measure(machine, "b1")
    assert (step.status, step.full_output[0]) == ("Failed", "")
    assert "CUDA error: out of memory" in step.stderr
    assert "The output of the step has the last lines of /opt/gpudesk/d2l/bin/python." in step.stderr
    assert measure(machine, "b1").status == "Failed", "and is not run again by the same attempt"
    assert machine.shell("cat /home/ubuntu/runs") == "run"

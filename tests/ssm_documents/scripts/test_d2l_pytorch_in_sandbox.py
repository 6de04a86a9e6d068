"""The recipe d2l-pytorch in a sandbox: real scripts and a real JupyterLab, small fakes of PyTorch, d2l and the book."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.demo.notebook import Notebook
from local.machines.host.interface import InvocationResult
from local.machines.host.sandboxed import SandboxedMachines
from tests.support.sandbox import Machine, booted, list_executed_steps, read_error, run_cell

DOCUMENT = "gpudesk-d2l-pytorch"
BOOK = "/home/ubuntu/work/d2l-en"
NOTEBOOK = "d2l-en/pytorch/chapter_linear-regression/linear-regression-concise.ipynb"


@dataclass(frozen=True)
class SetUp:
    """A machine with one GPU, and the result of the first run of the document."""

    machine: Machine
    result: InvocationResult


@pytest.fixture(scope="module")
def setup(fleet: SandboxedMachines) -> Iterator[SetUp]:
    with booted(fleet) as machine:
        yield SetUp(machine, machine.run(DOCUMENT))


@pytest.fixture
def machine(setup: SetUp) -> Machine:
    return setup.machine


def test_every_step_succeeds_and_prints_what_it_did(setup: SetUp) -> None:
    assert setup.result.status == "Success", setup.result
    assert len(list_executed_steps(setup.result)) == len(setup.result.steps), "no step was done before"
    output = {step.name: step.stdout for step in setup.result.steps}
    assert "The instance has no Python >=3.11,<3.14. Downloading Python 3.12." in output["python"]
    assert "build cuda" in output["pytorch"]
    assert "Every device works: 1 x Tesla T4" in output["check"]
    assert "has no published checksum" in output["notebooks"]


def test_files_of_the_user_belong_to_the_user(machine: Machine) -> None:
    for path in (f"{BOOK}/pytorch", "/home/ubuntu/d2l-en", "/opt/gpudesk/d2l/bin/python"):
        assert machine.shell(f"stat -c %U {path}") == "ubuntu", path
    assert machine.shell("find /var/tmp /home/ubuntu/.cache -mindepth 1 2>/dev/null || true") == "", (
        "no download is left"
    )


def test_notebook_kernel_survives_a_rerun_that_only_checks(machine: Machine) -> None:
    token = machine.shell("cat /etc/gpudesk/jupyter-token")
    notebook = Notebook(f"http://127.0.0.1:{machine.forward(8888)}", token)
    (code,) = [cell["source"] for cell in json.loads(machine.shell(f"cat /home/ubuntu/work/{NOTEBOOK}"))["cells"]]
    cell = run_cell(notebook, NOTEBOOK, code)
    assert (cell.output, cell.error) == ("w = [2.0, -3.39] b = 4.19\n", "")

    again = machine.run(DOCUMENT)
    assert again.status == "Success", again
    assert list_executed_steps(again) == ["notebooks", "check", "start"]
    assert cell.kernel_id in [kernel["id"] for kernel in notebook.list_kernels()]


def test_notebooks_of_users_are_never_overwritten(machine: Machine) -> None:
    machine.shell(f"echo mine >{BOOK}/pytorch/mine.ipynb")
    (step,) = machine.run_steps(DOCUMENT, "notebooks", bookSha256="0" * 64)
    assert step.status == "Success", step
    assert machine.shell(f"cat {BOOK}/pytorch/mine.ipynb") == "mine"


def test_notebooks_with_a_wrong_checksum_are_deleted(machine: Machine) -> None:
    machine.shell(f"rm -rf {BOOK}")
    error = read_error(machine.run(DOCUMENT, bookSha256="1" * 64))
    assert "https://d2l.ai/d2l-en-1.0.3.zip has a wrong SHA-256" in error
    assert machine.shell(f"ls {BOOK} /var/tmp 2>/dev/null || true") == "/var/tmp:"
    (step,) = machine.run_steps(DOCUMENT, "notebooks")
    assert step.status == "Success", step
    assert machine.shell(f"ls {BOOK}/pytorch") == "chapter_linear-regression", "a removed folder is created again"


def test_gpu_missing_in_pytorch_fails_without_a_reinstallation(machine: Machine) -> None:
    result = machine.run(DOCUMENT, gpuCount="2")
    assert "is already installed" in result.steps[1].stdout
    error = read_error(result)
    assert "PyTorch finds 1 of 2 GPUs." in error
    assert "The check of PyTorch failed." in error


def test_package_that_breaks_the_notebooks_fails_the_check(machine: Machine) -> None:
    site = "$(echo /opt/gpudesk/d2l/lib/python3*/site-packages)"
    machine.shell(f"cd {site} && sed -i 's/^Version: .*/Version: 3.1.1/' pandas-2.3.3.dist-info/METADATA")
    machine.shell(f"mv {site}/gpytorch {site}/syne_tune /tmp")
    (check,) = machine.run_steps(DOCUMENT, "check")
    assert "The chapter on Gaussian processes does not work: it imports gpytorch" in check.stdout
    assert "The chapter on hyperparameter optimization does not work" in check.stdout
    assert "The cells of the book fail with pandas 3.1.1: TypeError" in check.stderr
    machine.shell(f"cd {site} && sed -i 's/^Version: .*/Version: 2.3.3/' pandas-2.3.3.dist-info/METADATA")
    machine.shell(f"mv /tmp/gpytorch /tmp/syne_tune {site}")


def test_instance_without_a_gpu_gets_the_build_for_cpus(machine: Machine) -> None:
    pytorch, check = machine.run_steps(DOCUMENT, "pytorch", "check", gpuCount="0")
    assert (pytorch.status, check.status) == ("Success", "Success"), (pytorch, check)
    assert "This instance has no GPU, so the build for CPUs is installed." in pytorch.stdout
    assert "the CPU, because this instance has no GPU" in check.stdout

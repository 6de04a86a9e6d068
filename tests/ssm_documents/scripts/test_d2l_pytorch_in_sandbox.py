"""The recipe d2l-pytorch on a pretend machine: real scripts, a real JupyterLab; PyTorch, d2l and the book are small."""

import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.demo.notebook import Notebook
from local.machines.host.interface import Invocation, InvocationResult, MachineSpec
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose

DOCUMENT = "gpudesk-d2l-pytorch"
BOOK = "/home/ubuntu/work/d2l-en"
NOTEBOOK = "d2l-en/pytorch/chapter_linear-regression/linear-regression-concise.ipynb"
PATIENCE_SECONDS = 30.0


class Desk:
    """One machine with one GPU, on which the document was run once."""

    def __init__(self, machines: SandboxedMachines) -> None:
        self._machines = machines
        self._numbers = itertools.count(1)
        self.first = self.run()

    def run(self, **parameters: str) -> InvocationResult:
        """In a new attempt."""
        number = next(self._numbers)
        values = {"attemptId": f"a{number}", "gpuCount": "1"} | parameters
        lists = {name: [value] for name, value in values.items()}
        return self._machines.run("i-0d", Invocation(f"c-{number}", DOCUMENT, compose(DOCUMENT), lists))

    def shell(self, line: str) -> str:
        step = {"action": "aws:runShellScript", "name": "shell", "inputs": {"runCommand": [line]}}
        document = {"schemaVersion": "2.2", "description": "d", "mainSteps": [step]}
        result = self._machines.run("i-0d", Invocation(f"s-{next(self._numbers)}", "shell", document, {}))
        return result.steps[0].stdout.strip()

    def notebook(self) -> tuple[Notebook, str]:
        """Its Jupyter, and the code of the book's notebook as Jupyter gives it."""
        token = self.shell("cat /etc/gpudesk/jupyter-token")
        port = self._machines.forward("i-0d", 8888, 0).local_port
        notebook = Notebook(f"http://127.0.0.1:{port}", token)
        return notebook, self.shell(f"cat /home/ubuntu/work/{NOTEBOOK}")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    def now() -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    if why := find_sandbox_problem(now):
        pytest.skip(why)
    machines = SandboxedMachines(root=Path(tmp_path_factory.mktemp("fleet")), now=now)
    spec = MachineSpec("i-0d", "g4dn.xlarge", "us-east-1", gpu="Tesla T4", gpu_count=1, gpu_memory_mib=15360)
    machines.create(spec)
    machines.boot("i-0d")
    yield Desk(machines)
    machines.close()


def outcome(result: InvocationResult) -> dict[str, str]:
    """What became of each step: as SSM says, or "skipped" where it says that nothing was left to do."""
    return {step.name: "skipped" if "was done before" in step.stdout else step.status for step in result.steps}


def failure(result: InvocationResult) -> str:
    (step,) = [step for step in result.steps if step.status == "Failed"]
    return step.stderr


def test_every_step_succeeds_and_prints_what_it_did(desk: Desk) -> None:
    assert set(outcome(desk.first).values()) == {"Success"}, desk.first
    output = {step.name: step.stdout for step in desk.first.steps}
    assert "The instance has no Python >=3.11,<3.14. Downloading Python 3.12." in output["python"]
    assert "build cuda" in output["pytorch"]
    assert "Every device works: 1 x Tesla T4" in output["check"]
    assert "has no published checksum" in output["notebooks"]


def test_files_of_the_user_belong_to_the_user(desk: Desk) -> None:
    for path in (f"{BOOK}/pytorch", "/home/ubuntu/d2l-en", "/opt/gpudesk/d2l/bin/python"):
        assert desk.shell(f"stat -c %U {path}") == "ubuntu", path
    assert desk.shell("find /var/tmp /home/ubuntu/.cache -mindepth 1 2>/dev/null") == "", "nothing is left over"


def test_notebook_kernel_survives_a_rerun_that_only_checks(desk: Desk) -> None:
    notebook, text = desk.notebook()
    (code,) = [cell["source"] for cell in json.loads(text)["cells"]]
    cell = notebook.run_cell(NOTEBOOK, code)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not cell.has_ended:
        assert time.monotonic() < deadline, cell.output
        notebook.list_kernels()
    assert (cell.output, cell.error) == ("w = [2.0, -3.39] b = 4.19\n", "")

    assert desk.run().status == "Success"
    again = desk.run()
    assert [name for name, how in outcome(again).items() if how == "Success"] == ["notebooks", "check", "start"]
    assert cell.kernel_id in [kernel["id"] for kernel in notebook.list_kernels()]


def test_notebooks_of_users_are_never_overwritten(desk: Desk) -> None:
    desk.shell(f"echo mine >{BOOK}/pytorch/mine.ipynb")
    result = desk.run(bookSha256="0" * 64)
    assert outcome(result)["notebooks"] == "Success"
    assert desk.shell(f"cat {BOOK}/pytorch/mine.ipynb") == "mine"


def test_notebooks_with_a_wrong_checksum_are_deleted(desk: Desk) -> None:
    desk.shell(f"rm -rf {BOOK}")
    assert "https://d2l.ai/d2l-en-1.0.3.zip has a wrong SHA-256" in failure(desk.run(bookSha256="1" * 64))
    assert desk.shell(f"ls {BOOK} /var/tmp 2>/dev/null") == "/var/tmp:"
    assert desk.run().status == "Success", "a folder that was taken away comes again"
    assert desk.shell(f"ls {BOOK}/pytorch") == "chapter_linear-regression"


def test_gpu_missing_in_pytorch_fails_without_a_reinstallation(desk: Desk) -> None:
    assert desk.run().status == "Success"
    result = desk.run(gpuCount="2")
    assert "is already installed" in result.steps[1].stdout
    output = failure(result)
    assert "PyTorch finds 1 of 2 GPUs." in output
    assert "The check of PyTorch failed." in output


def test_instance_without_a_gpu_gets_the_build_for_cpus(desk: Desk) -> None:
    result = desk.run(gpuCount="0")
    assert result.status == "Success", result
    assert "This instance has no GPU, so the build for CPUs is installed." in result.steps[1].stdout
    assert "the CPU, because this instance has no GPU" in result.steps[4].stdout

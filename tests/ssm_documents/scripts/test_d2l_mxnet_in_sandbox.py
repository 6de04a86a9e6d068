"""The recipe d2l-mxnet on a pretend Ubuntu 18.04: real scripts, strict stand-ins for NVIDIA, Miniconda and the book."""

import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.demo.notebook import Notebook
from local.machines.host.interface import Invocation, InvocationResult, MachineSpec, StepResult
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose

CUDA, MXNET = "gpudesk-cuda-10-1", "gpudesk-d2l-mxnet"
NOTEBOOK = "d2l-en/mxnet/chapter_linear-regression/linear-regression-concise.ipynb"
PATIENCE_SECONDS = 30.0


class Desk:
    """Bare machines, on which documents are run.

    :ivar reboots: of all of them
    """

    def __init__(self, machines: SandboxedMachines) -> None:
        self.machines = machines
        self._numbers = itertools.count(1)

    def boot(self, instance_id: str, release: str = "18.04") -> str:
        spec = MachineSpec(
            instance_id, "g4dn.xlarge", "us-east-1", "Tesla T4", 1, gpu_memory_mib=15360, platform_version=release
        )
        self.machines.create(spec)
        self.machines.boot(instance_id)
        return instance_id

    def run(self, machine: str, document: str, **parameters: str) -> InvocationResult:
        """In a new attempt."""
        number = next(self._numbers)
        values = {"attemptId": f"a{number}", "gpuCount": "1"} | parameters
        lists = {name: [value] for name, value in values.items()}
        return self.machines.run(machine, Invocation(f"c-{number}", document, compose(document), lists))

    def shell(self, machine: str, *lines: str) -> StepResult:
        step = {"action": "aws:runShellScript", "name": "shell", "inputs": {"runCommand": list(lines)}}
        document = {"schemaVersion": "2.2", "description": "d", "mainSteps": [step]}
        (result,) = self.machines.run(machine, Invocation(f"s-{next(self._numbers)}", "shell", document, {})).steps
        return result


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    def now() -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    if why := find_sandbox_problem(now):
        pytest.skip(why)
    machines = SandboxedMachines(root=Path(tmp_path_factory.mktemp("fleet")), now=now)
    yield Desk(machines)
    machines.close()


def failure(result: InvocationResult) -> str:
    (step,) = [step for step in result.steps if step.status == "Failed"]
    return step.stderr


def test_chapter_runs_from_a_bare_ubuntu_18_04_to_a_notebook(desk: Desk) -> None:
    machine = desk.boot("i-0c")
    boot = desk.shell(machine, "cat /proc/sys/kernel/random/boot_id").stdout
    cuda = desk.run(machine, CUDA)
    assert cuda.status == "Success", cuda
    assert desk.shell(machine, "cat /proc/sys/kernel/random/boot_id").stdout != boot, "the driver is loaded at boot"
    assert "This step runs again, after reboot 1." in cuda.steps[1].stdout
    assert "Tesla T4" in cuda.steps[4].stdout

    mxnet = desk.run(machine, MXNET)
    assert mxnet.status == "Success", mxnet
    assert "np.zeros((1024, 1024)) works on gpu(0)." in mxnet.steps[4].stdout
    assert desk.shell(machine, "stat -c %U /home/ubuntu/miniconda3/envs/d2l").stdout == "ubuntu\n"
    assert "conda initialize" in desk.shell(machine, "cat /home/ubuntu/.bashrc").stdout

    token = desk.shell(machine, "cat /etc/gpudesk/jupyter-token").stdout.strip()
    (cell,) = json.loads(desk.shell(machine, f"cat /home/ubuntu/work/{NOTEBOOK}").stdout)["cells"]
    notebook = Notebook(f"http://127.0.0.1:{desk.machines.forward(machine, 8888, 0).local_port}", token)
    running = notebook.run_cell(NOTEBOOK, cell["source"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not running.has_ended:
        assert time.monotonic() < deadline, running.output
        notebook.list_kernels()
    assert (running.output, running.error) == ("64.0\n", ""), "the kernel is the conda environment's"

    again = desk.run(machine, MXNET)
    assert [step.name for step in again.steps if "was done before" not in step.stdout] == [
        "notebooks", "check", "start",
    ]  # fmt: skip
    assert running.kernel_id in [kernel["id"] for kernel in notebook.list_kernels()]


def test_another_ubuntu_release_is_refused_with_advice(desk: Desk) -> None:
    output = failure(desk.run(desk.boot("i-0e", release="22.04"), CUDA))
    assert "CUDA 10.1 and MXNet 1.7 need Ubuntu 18.04" in output
    assert "Launch without image_parameter" in output


def test_steps_for_a_gpu_do_nothing_without_a_gpu(desk: Desk) -> None:
    result = desk.run(desk.boot("i-0f"), CUDA, gpuCount="0")
    assert result.status == "Success", result
    assert all("This instance has no GPU" in step.stdout for step in result.steps[1:])


def test_changed_downloads_are_refused(desk: Desk) -> None:
    """The stand-ins are as strict as what they stand for: the scripts' own checks find it."""
    machine = desk.boot("i-0b")
    for name, begin in (("Miniconda", "#!/bin/sh\\n# changed"), ("cuda-repo", "!<arch>\\n"), ("pin", "<html>")):
        step = desk.shell(
            machine,
            "mv /usr/local/bin/curl /usr/local/bin/curl.before 2>/dev/null",
            "cat >/usr/local/bin/curl <<'CURL'",
            "#!/bin/bash",
            'for last; do :; done; while [ "$1" != --output ]; do shift; done',
            f'case $last in *{name}*) printf \'{begin}\' >"$2" ;; *) exec /usr/bin/curl --output "$2" "$last" ;; esac',
            "CURL",
            "chmod +x /usr/local/bin/curl",
        )
        assert step.exit_code == 0, step
        document = MXNET if name == "Miniconda" else CUDA
        words = {
            "Miniconda": "has a wrong SHA-256",
            "cuda-repo": "is not a complete package",
            "pin": "is not a file of apt preferences",
        }
        assert words[name] in failure(desk.run(machine, document)), name


def test_latest_miniconda_and_default_channels_are_refused_as_in_reality(desk: Desk) -> None:
    machine = desk.boot("i-0a")
    site = "https://repo.anaconda.com/miniconda/Miniconda3"
    latest = desk.shell(machine, f"curl --output m.sh {site}-latest-Linux-x86_64.sh", "bash m.sh -b -p /opt/conda")
    assert latest.exit_code == 1
    assert "Installer requires GLIBC >=2.28, but system has 2.27." in latest.stdout
    fitting = f"curl --output m.sh {site}-py311_23.11.0-2-Linux-x86_64.sh"
    declined = desk.shell(
        machine, fitting, "bash m.sh -b -p /opt/conda", "/opt/conda/bin/conda create --yes --name d2l pip"
    )
    assert declined.exit_code == 1
    assert "Terms of Service have not been accepted" in declined.stderr

"""The recipe d2l-mxnet in a sandbox with Ubuntu 18.04: real scripts, strict fakes of NVIDIA, Miniconda and the book."""

import json
from collections.abc import Iterator

import pytest

from local.demo.notebook import Notebook
from local.machines.host.sandboxed import SandboxedMachines
from tests.support.sandbox import Machine, booted, list_executed_steps, read_error, run_cell

CUDA, MXNET = "gpudesk-cuda-10-1", "gpudesk-d2l-mxnet"
NOTEBOOK = "d2l-en/mxnet/chapter_linear-regression/linear-regression-concise.ipynb"
READ_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="module")
def bare_machine(fleet: SandboxedMachines) -> Iterator[Machine]:
    """Boot a machine on which no test completes the recipe."""
    with booted(fleet, release="18.04") as machine:
        yield machine


def test_chapter_runs_from_a_bare_ubuntu_18_04_to_a_notebook(fleet: SandboxedMachines) -> None:
    with booted(fleet, release="18.04") as machine:
        boot_id = machine.shell(READ_BOOT_ID)
        cuda = machine.run(CUDA)
        assert cuda.status == "Success", cuda
        assert machine.shell(READ_BOOT_ID) != boot_id, "the driver is loaded at boot"
        assert "This step runs again, after reboot 1." in cuda.steps[1].stdout
        assert "Tesla T4" in cuda.steps[4].stdout
        assert machine.shell("apt-mark showhold").split() == ["nvidia-headless-470-server", "nvidia-utils-470-server"]

        mxnet = machine.run(MXNET)
        assert mxnet.status == "Success", mxnet
        assert "np.zeros((1024, 1024)) works on gpu(0)." in mxnet.steps[4].stdout
        assert machine.shell("stat -c %U /home/ubuntu/miniconda3/envs/d2l") == "ubuntu"
        assert "conda initialize" in machine.shell("cat /home/ubuntu/.bashrc")

        token = machine.shell("cat /etc/gpudesk/jupyter-token")
        (code,) = [cell["source"] for cell in json.loads(machine.shell(f"cat /home/ubuntu/work/{NOTEBOOK}"))["cells"]]
        notebook = Notebook(f"http://127.0.0.1:{machine.forward(8888)}", token)
        cell = run_cell(notebook, NOTEBOOK, code)
        assert (cell.output, cell.error) == ("64.0\n", ""), "the kernel runs in the conda environment"

        again = machine.run(MXNET)
        assert list_executed_steps(again) == ["notebooks", "check", "start"]
        assert cell.kernel_id in [kernel["id"] for kernel in notebook.list_kernels()]


def test_another_ubuntu_release_is_refused_with_advice(fleet: SandboxedMachines) -> None:
    with booted(fleet, release="22.04") as machine:
        error = read_error(machine.run(CUDA))
    assert "CUDA 10.1 and MXNet 1.7 need Ubuntu 18.04" in error
    assert "Launch an instance without image" in error


def test_steps_for_a_gpu_do_nothing_without_a_gpu(bare_machine: Machine) -> None:
    result = bare_machine.run(CUDA, gpuCount="0")
    assert result.status == "Success", result
    assert all("This instance has no GPU" in step.stdout for step in result.steps[1:])


@pytest.fixture
def machine(bare_machine: Machine) -> Iterator[Machine]:
    """Return the bare machine, on which a test may replace curl."""
    yield bare_machine
    bare_machine.shell("rm -f /usr/local/bin/curl")


@pytest.mark.parametrize(
    ("document", "file", "content", "problem"),
    [
        (MXNET, "Miniconda", "#!/bin/sh\\n# changed", "has a wrong SHA-256"),
        (CUDA, "cuda-repo", "!<arch>\\n", "is not a complete package"),
        (CUDA, "pin", "<html>", "is not a file of apt preferences"),
    ],
)
def test_changed_download_is_refused(machine: Machine, document: str, file: str, content: str, problem: str) -> None:
    """The scripts' own checks find the change, because the fakes are as strict as the originals."""
    machine.shell(
        "cat >/usr/local/bin/curl <<'CURL'",
        "#!/bin/bash",
        'for last; do :; done; while [ "$1" != --output ]; do shift; done',
        f'case $last in *{file}*) printf \'{content}\' >"$2" ;; *) exec /usr/bin/curl --output "$2" "$last" ;; esac',
        "CURL",
        "chmod +x /usr/local/bin/curl",
    )
    assert problem in read_error(machine.run(document))


def test_latest_miniconda_and_default_channels_are_refused_as_in_reality(bare_machine: Machine) -> None:
    site = "https://repo.anaconda.com/miniconda/Miniconda3"
    latest = bare_machine.run_lines(f"curl --output m.sh {site}-latest-Linux-x86_64.sh", "bash m.sh -b -p /opt/conda")
    assert latest.exit_code == 1
    assert "Installer requires GLIBC >=2.28, but system has 2.27." in latest.stdout
    supported = f"curl --output m.sh {site}-py311_23.11.0-2-Linux-x86_64.sh"
    without_terms = bare_machine.run_lines(
        supported, "bash m.sh -b -p /opt/conda", "/opt/conda/bin/conda create --yes --name d2l pip"
    )
    assert without_terms.exit_code == 1
    assert "Terms of Service have not been accepted" in without_terms.stderr

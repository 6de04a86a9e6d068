"""Evaluation of the output of nvidia-smi, which prints errors and warnings in the place of GPUs."""

import json
import re
import shlex
from pathlib import Path

import pytest

import ssm_documents
from chalicelib.domain.catalog.gpu_names import is_same_gpu
from chalicelib.store.data_files import load_catalog
from tests.support.prelude import StepRunner

DOCUMENTS = Path(ssm_documents.__file__).parent
GPUS = (DOCUMENTS / "lib" / "gpus.sh").read_text(encoding="utf-8")
T4 = "0, Tesla T4, 15360 MiB"
A100 = "0, NVIDIA A100-SXM4-40GB, 40960 MiB\n1, NVIDIA A100-SXM4-40GB, 40960 MiB"


def inspect(runner: StepRunner, output: str, count: int, name: str = "", status: int = 0) -> tuple[int, str]:
    """Run `inspect_gpus` with this output of nvidia-smi, and return its exit status and its output."""
    fake = (
        f"nvidia-smi() {{ printf '%s\\n' {shlex.quote(output)}; return {status}; }}\ntimeout() {{ shift; \"$@\"; }}\n"
    )
    code, out, errors = runner.run_with_errors(f"{GPUS}\n{fake}inspect_gpus {count} {shlex.quote(name)}")
    return code, out + errors


@pytest.mark.parametrize(
    ("output", "count", "name"),
    [
        (T4, 1, "T4"),
        (T4, 1, ""),
        (A100, 2, "A100 40GB"),
        ("0, NVIDIA RTX PRO 6000 Blackwell Server Edition, 97887 MiB", 1, "RTX PRO 6000 Server"),
        ("0, NVIDIA T4G, 15360 MiB", 1, "T4g"),
    ],
)
def test_expected_gpus_are_found(runner: StepRunner, output: str, count: int, name: str) -> None:
    assert inspect(runner, output, count, name) == (0, f"GPUs found: {count} of {count}.\n{output}\n")


@pytest.mark.parametrize(
    ("output", "count", "message"),
    [
        ("No devices were found", 1, "lists 0 of 1 expected GPUs, and prints: No devices were found. The"),
        (f"{T4}\n1, ERR!, [Unknown Error]", 2, "lists 1 of 2 expected GPUs, and prints: 1, ERR!, [Unknown Error]. The"),
        (f"{T4}\n1, Tesla T4, [Unknown Error]", 2, "lists 1 of 2 expected GPUs, and prints: 1, Tesla T4, [Unknown"),
        (
            f"{T4}\nWARNING: infoROM is corrupted. Look.\nx",
            2,
            "lists 1 of 2 expected GPUs, and prints: WARNING: infoROM is corrupted; Look; x. The",
        ),
        ("", 1, "lists 0 of 1 expected GPUs. The hardware may be faulty."),
    ],
)
def test_only_lines_with_a_name_and_a_memory_are_gpus(
    runner: StepRunner, output: str, count: int, message: str
) -> None:
    code, printed = inspect(runner, output, count)
    assert code == 1
    assert f"gpudesk: nvidia-smi {message}" in printed


def test_warning_beside_the_expected_gpus_is_reported(runner: StepRunner) -> None:
    code, printed = inspect(runner, f"WARNING: infoROM is corrupted\n{T4}", 1, "T4")
    assert (code, printed) == (
        0,
        f"GPUs found: 1 of 1.\n{T4}\nnvidia-smi also prints: WARNING: infoROM is corrupted\n",
    )


@pytest.mark.parametrize(
    ("output", "name"),
    [(T4, "T4g"), (A100, "A100 80GB"), (A100.replace("1, NVIDIA A100-SXM4-40GB", "1, Tesla T4"), "A100 40GB")],
)
def test_another_model_than_the_one_that_is_paid_for_fails(runner: StepRunner, output: str, name: str) -> None:
    code, printed = inspect(runner, output, output.count("\n") + 1, name)
    assert code == 1
    assert f"instead of {name}, which is paid for. Stop and start the instance" in printed


def test_failure_of_nvidia_smi_is_one_line_with_its_output(runner: StepRunner) -> None:
    code, printed = inspect(runner, "Failed to initialize NVML. Mismatch\nLibrary: 550.163", 1, status=18)
    assert code == 1
    assert (
        "gpudesk: nvidia-smi failed: Failed to initialize NVML; Mismatch; Library: 550.163. Stop and start" in printed
    )


def test_step_decides_by_the_decimal_number_of_gpus() -> None:
    script = (DOCUMENTS / "gpudesk-probe" / "inspect.sh").read_text(encoding="utf-8")
    assert 'inspect_gpus "$((10#$SSM_gpuCount))"' in script
    assert "if ((10#$SSM_gpuCount > 0))" in script, "bash would take 08 as an invalid octal number"


def test_name_of_every_gpu_is_a_valid_parameter() -> None:
    document = json.loads((DOCUMENTS / "gpudesk-probe" / "document.json").read_text(encoding="utf-8"))
    pattern = document["parameters"]["gpuName"]["allowedPattern"]
    for gpu in load_catalog().peaks:
        assert re.fullmatch(pattern, gpu.replace(" ", "-"))
        assert is_same_gpu(f"NVIDIA {gpu}", gpu)

"""Measure the GPUs of this instance: matrix products, memory and training steps, on 1, 2, 4, ... GPUs.

    python measure.py [--seconds 2] [--cpu 2]

prints its progress on stderr and one line of JSON on stdout:

    {"gpu_name", "count", "driver", "framework", "cuda",
     "runs": [{"gpus", "metric", "unit", "median", "p10", "p90"}, ...]}

The values of a run are those of all its GPUs together. p10 and p90 are the 10th and 90th percentile of the repetitions.
The program needs only PyTorch and the standard library, because it runs in the environment of the instance's recipe. It
is installed as a folder with this module as `__main__.py`: `python -I FOLDER` finds the other modules there.
`--cpu N` measures N CPU processes instead, for tests.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from devices import Devices
from operations import can_multiply, measure_matmul, measure_memory
from training import measure_training


@dataclass(frozen=True)
class MetricRun:
    """One measurement.

    :param gpus: number of GPUs that work at the same time
    :param metric: fp32, fp16, bf16 (matrix products), memory (bytes read and written) or training (samples)
    """

    gpus: int
    metric: str
    unit: str
    median: float
    p10: float
    p90: float


def main() -> int:
    """Measure and print the result. The exit status is 3 if there is no GPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cpu", type=int, default=0)
    options = parser.parse_args()
    devices = (
        Devices("cpu", options.cpu, options.seconds) if options.cpu else Devices("cuda", _count_gpus(), options.seconds)
    )
    if devices.count == 0:
        print_progress(f"PyTorch {torch.__version__} finds no GPU on this instance, so nothing was measured.")
        return 3
    runs = [run for gpus in devices.list_counts() for run in measure_all(devices, gpus)]
    print(json.dumps({**describe_devices(devices), "runs": [asdict(run) for run in runs]}, separators=(",", ":")))
    return 0


def _count_gpus() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def print_progress(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def describe_devices(devices: Devices) -> dict[str, Any]:
    """Return the hardware and software that were measured."""
    is_gpu = devices.kind == "cuda"
    return {
        "gpu_name": torch.cuda.get_device_name(0) if is_gpu else "CPU",
        "count": devices.count,
        "driver": _read_driver_version() if is_gpu else None,
        "framework": f"PyTorch {torch.__version__}",
        "cuda": torch.version.cuda if is_gpu else None,
    }


def _read_driver_version() -> str | None:
    command = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0")
    try:
        version = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    # nvidia-smi prints "[Unknown Error]" and similar texts in the place of a version, and exits with 0.
    return version if version.replace(".", "").isdecimal() else None


def measure_all(devices: Devices, gpus: int) -> Iterator[MetricRun]:
    """Yield all measurements on this number of GPUs."""
    # With TF32, FP32 products would use 19 bits and exceed the FP32 peak of the GPU.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for metric, dtype in (("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)):
        if can_multiply(devices, dtype):
            yield print_run(summarize(gpus, metric, "TFLOPS", measure_matmul(devices, gpus, dtype)))
    yield print_run(summarize(gpus, "memory", "GB/s", measure_memory(devices, gpus)))
    yield print_run(summarize(gpus, "training", "samples/s", measure_training(devices, gpus)))


def print_run(run: MetricRun) -> MetricRun:
    """Print a run as progress and return it."""
    print_progress(f"{run.gpus} x {run.metric}: {run.median:g} {run.unit} ({run.p10:g} to {run.p90:g})")
    return run


def summarize(gpus: int, metric: str, unit: str, values: list[float]) -> MetricRun:
    """Return the run with the median and the percentiles of its repetitions."""
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    median, p10, p90 = statistics.median(values), tenths[0], tenths[-1]
    return MetricRun(gpus, metric, unit, *(float(f"{value:.4g}") for value in (median, p10, p90)))


if __name__ == "__main__":
    raise SystemExit(main())

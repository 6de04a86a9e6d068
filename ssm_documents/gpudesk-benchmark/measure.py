"""Measure the GPUs of this instance: matrix products, memory and training steps, on 1, 2, 4, ... GPUs.

    python measure.py [--seconds 2] [--cpu 2]

prints its progress on stderr and one line of JSON on stdout:

    {"gpu_name", "count", "driver", "framework", "cuda",
     "runs": [{"gpus", "metric", "unit", "median", "p10", "p90"}, ...]}

The values of a run are those of all its GPUs together. p10 and p90 are the 10th and 90th percentile of the repetitions.
The program needs only PyTorch and the standard library, because it runs in the environment of the instance's recipe.
`--cpu N` measures N CPU processes instead, for tests.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

WARM_UPS = 3
MIN_REPETITIONS = 10

MATRIX = {"cuda": 8192, "cpu": 512}
"""Side of the square matrices, large enough to keep a GPU busy: 256 MB in FP32."""

COPIED_BYTES = {"cuda": 1 << 30, "cpu": 1 << 24}
"""Much more than the cache of any GPU."""

BATCH, FEATURES, LAYERS, CLASSES = 512, 4096, 6, 10
"""Size of the training step on each GPU: a perceptron of 100 million parameters."""

SMALL_FEATURES = 64
"""Number of features on a CPU."""


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


@dataclass(frozen=True)
class Devices:
    """The devices to measure.

    :param kind: "cuda" or "cpu"
    :param count: number of GPUs, or of CPU processes
    :param seconds: duration of each measurement
    """

    kind: str
    count: int
    seconds: float

    def get_device(self, index: int) -> torch.device:
        """Return the device with this index."""
        return torch.device(self.kind, index) if self.kind == "cuda" else torch.device("cpu")

    def list_counts(self) -> list[int]:
        """Return 1, 2, 4, ... and the number of all devices."""
        doubled = [1 << power for power in range(self.count.bit_length()) if 1 << power <= self.count]
        return sorted({*doubled, self.count})


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


def can_multiply(devices: Devices, dtype: torch.dtype) -> bool:
    """Return whether the hardware supports the type. BF16 needs compute capability 8.0; before, PyTorch emulates it."""
    if devices.kind == "cpu":
        return dtype is not torch.float16
    return dtype is not torch.bfloat16 or torch.cuda.get_device_capability(0) >= (8, 0)


def measure_matmul(devices: Devices, gpus: int, dtype: torch.dtype) -> list[float]:
    """Return the TFLOPS of each repetition. A product of two n x n matrices has 2 n^3 operations."""
    side = MATRIX[devices.kind]
    # Random numbers: zeros need less power, so the clock would stay higher than in real work.
    used = [devices.get_device(index) for index in range(gpus)]
    pairs = [tuple(torch.randn(side, side, device=device).to(dtype) for _ in range(2)) for device in used]
    results = [torch.empty_like(left) for left, _ in pairs]

    def run_once() -> None:
        for (left, right), result in zip(pairs, results, strict=True):
            torch.matmul(left, right, out=result)

    return [gpus * 2 * side**3 / seconds / 1e12 for seconds in time_repeatedly(devices, gpus, run_once)]


def measure_memory(devices: Devices, gpus: int) -> list[float]:
    """Return the GB/s of each repetition. A copy within GPU memory reads and writes every byte."""
    size = COPIED_BYTES[devices.kind]
    sources = [torch.ones(size, dtype=torch.uint8, device=devices.get_device(index)) for index in range(gpus)]
    targets = [torch.empty_like(source) for source in sources]

    def run_once() -> None:
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source)

    return [gpus * 2 * size / seconds / 1e9 for seconds in time_repeatedly(devices, gpus, run_once)]


def time_repeatedly(devices: Devices, gpus: int, run_once: Callable[[], None]) -> list[float]:
    """Return the seconds of each repetition. The first few, which load code and raise clocks, do not count."""
    for _ in range(WARM_UPS):
        run_once()
    synchronize_gpus(devices, gpus)
    durations: list[float] = []
    end = time.perf_counter() + devices.seconds
    while len(durations) < MIN_REPETITIONS or time.perf_counter() < end:
        started = time.perf_counter()
        run_once()
        synchronize_gpus(devices, gpus)
        durations.append(time.perf_counter() - started)
    return durations


def synchronize_gpus(devices: Devices, gpus: int) -> None:
    """Wait for the GPUs, which compute asynchronously."""
    if devices.kind == "cuda":
        for index in range(gpus):
            torch.cuda.synchronize(index)


def measure_training(devices: Devices, gpus: int) -> list[float]:
    """Return the samples per second of each step, with one process per GPU and averaged gradients."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    results_queue = context.SimpleQueue()
    multiprocessing.spawn(_train, (devices, gpus, port, results_queue), nprocs=gpus)
    return [gpus * BATCH / seconds for seconds in results_queue.get()]


def _train(rank: int, devices: Devices, gpus: int, port: int, results_queue: Any) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("nccl" if devices.kind == "cuda" else "gloo", rank=rank, world_size=gpus)
    if devices.kind == "cuda":
        torch.cuda.set_device(rank)
    steps = _train_steps(devices, rank)
    if rank == 0:
        results_queue.put(steps)
    torch.distributed.destroy_process_group()


def _train_steps(devices: Devices, rank: int) -> list[float]:
    device = devices.get_device(rank)
    features = FEATURES if devices.kind == "cuda" else SMALL_FEATURES
    layers = [layer for _ in range(LAYERS) for layer in (nn.Linear(features, features), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(features, CLASSES)).to(device)
    parallel = DistributedDataParallel(model, device_ids=[rank] if devices.kind == "cuda" else None)
    optimizer = torch.optim.SGD(parallel.parameters(), lr=0.01)
    samples = torch.randn(BATCH, features, device=device)
    labels = torch.randint(CLASSES, (BATCH,), device=device)

    def run_step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(parallel(samples), labels).backward()
        optimizer.step()

    return _time_steps(devices, rank, run_step)


def _time_steps(devices: Devices, rank: int, run_step: Callable[[], None]) -> list[float]:
    """Return the seconds of each step. All processes run the same number of steps, or some would wait forever."""
    for _ in range(WARM_UPS):
        run_step()
    _synchronize_rank(devices, rank)
    started = time.perf_counter()
    run_step()
    _synchronize_rank(devices, rank)
    step_seconds = torch.tensor([time.perf_counter() - started], device=devices.get_device(rank))
    torch.distributed.all_reduce(step_seconds, torch.distributed.ReduceOp.MAX)
    durations: list[float] = []
    for _ in range(max(MIN_REPETITIONS, int(devices.seconds / step_seconds.item()))):
        started = time.perf_counter()
        run_step()
        _synchronize_rank(devices, rank)
        durations.append(time.perf_counter() - started)
    return durations


def _synchronize_rank(devices: Devices, rank: int) -> None:
    if devices.kind == "cuda":
        torch.cuda.synchronize(rank)


if __name__ == "__main__":
    raise SystemExit(main())

"""How fast the GPUs of this machine are: matrix products, memory, a training step, on 1, 2, 4, ... of them.

    python measure.py [--seconds 2] [--cpu 2]

prints what it does on stderr and one line of JSON on stdout:

    {"gpu_name", "count", "driver", "framework", "cuda",
     "runs": [{"gpus", "metric", "unit", "median", "p10", "p90"}, ...]}

Each run is of all its GPUs together; p10 and p90 are the tenth and the ninetieth percentile of the repetitions.
It needs PyTorch and the standard library, for it runs in the environment of the instance's recipe. `--cpu N` measures
N processes of the CPU instead: for trying it out.
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
"""Side of the square matrices: large enough for a GPU to be busy with nothing else, 256 MB in FP32."""

COPIED_BYTES = {"cuda": 1 << 30, "cpu": 1 << 24}
"""Far more than any GPU's cache."""

BATCH, FEATURES, LAYERS, CLASSES = 512, 4096, 6, 10
"""Of the training step, on each GPU: a perceptron of 100 million parameters."""

SMALL_FEATURES = 64
"""On a CPU."""


@dataclass(frozen=True)
class MetricRun:
    """One measurement.

    :param gpus: at work at the same time
    :param metric: fp32, fp16, bf16: matrix products; memory: bytes read and written; training: samples
    """

    gpus: int
    metric: str
    unit: str
    median: float
    p10: float
    p90: float


@dataclass(frozen=True)
class Machine:
    """What is measured.

    :param kind: "cuda" or "cpu"
    :param count: GPUs, or processes of the CPU
    :param seconds: how long each measurement takes
    """

    kind: str
    count: int
    seconds: float

    def device(self, index: int) -> torch.device:
        return torch.device(self.kind, index) if self.kind == "cuda" else torch.device("cpu")

    def counts(self) -> list[int]:
        """1, 2, 4, ... and all of them."""
        doubled = [1 << power for power in range(self.count.bit_length()) if 1 << power <= self.count]
        return sorted({*doubled, self.count})


def main() -> int:
    """Exit status 3 where there is nothing to measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cpu", type=int, default=0)
    options = parser.parse_args()
    machine = Machine("cpu", options.cpu, options.seconds) if options.cpu else Machine("cuda", _gpus(), options.seconds)
    if machine.count == 0:
        log(f"There is no GPU that PyTorch {torch.__version__} can use here: nothing is measured.")
        return 3
    runs = [run for gpus in machine.counts() for run in measured(machine, gpus)]
    print(json.dumps({**describe(machine), "runs": [asdict(run) for run in runs]}, separators=(",", ":")))
    return 0


def _gpus() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def describe(machine: Machine) -> dict[str, Any]:
    """What was measured, by which software."""
    is_gpu = machine.kind == "cuda"
    return {
        "gpu_name": torch.cuda.get_device_name(0) if is_gpu else "CPU",
        "count": machine.count,
        "driver": _driver() if is_gpu else None,
        "framework": f"PyTorch {torch.__version__}",
        "cuda": torch.version.cuda if is_gpu else None,
    }


def _driver() -> str | None:
    asked = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0")
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def measured(machine: Machine, gpus: int) -> Iterator[MetricRun]:
    """All measurements on so many GPUs at once."""
    # With TF32 an FP32 product would be one of 19 bits, and faster than the GPU's FP32 peak.
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    for metric, dtype in (("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)):
        if can_multiply(machine, dtype):
            yield format_figure(run_of(gpus, metric, "TFLOPS", matmul(machine, gpus, dtype)))
    yield format_figure(run_of(gpus, "memory", "GB/s", memcpy(machine, gpus)))
    yield format_figure(run_of(gpus, "training", "samples/s", training(machine, gpus)))


def format_figure(run: MetricRun) -> MetricRun:
    log(f"{run.gpus} x {run.metric}: {run.median:g} {run.unit} ({run.p10:g} to {run.p90:g})")
    return run


def run_of(gpus: int, metric: str, unit: str, figures: list[float]) -> MetricRun:
    """Median and spread."""
    tenths = statistics.quantiles(figures, n=10, method="inclusive")
    median, p10, p90 = statistics.median(figures), tenths[0], tenths[-1]
    return MetricRun(gpus, metric, unit, *(float(f"{each:.4g}") for each in (median, p10, p90)))


def can_multiply(machine: Machine, dtype: torch.dtype) -> bool:
    """BF16 came with compute capability 8.0; before it PyTorch only imitates it."""
    if machine.kind == "cpu":
        return dtype is not torch.float16
    return dtype is not torch.bfloat16 or torch.cuda.get_device_capability(0) >= (8, 0)


def matmul(machine: Machine, gpus: int, dtype: torch.dtype) -> list[float]:
    """TFLOPS of each repetition: a product of two n x n matrices is 2 n^3 operations."""
    side = MATRIX[machine.kind]
    # Of random numbers: zeros draw less power, so the clock would stay higher than any real work sees it.
    devices = [machine.device(index) for index in range(gpus)]
    pairs = [tuple(torch.randn(side, side, device=device).to(dtype) for _ in range(2)) for device in devices]
    results = [torch.empty_like(left) for left, _ in pairs]

    def once() -> None:
        for (left, right), result in zip(pairs, results, strict=True):
            torch.matmul(left, right, out=result)

    return [gpus * 2 * side**3 / seconds / 1e12 for seconds in time_repeatedly(machine, gpus, once)]


def memcpy(machine: Machine, gpus: int) -> list[float]:
    """GB/s of each repetition: a copy within a GPU's memory reads and writes every byte."""
    size = COPIED_BYTES[machine.kind]
    sources = [torch.ones(size, dtype=torch.uint8, device=machine.device(index)) for index in range(gpus)]
    targets = [torch.empty_like(source) for source in sources]

    def once() -> None:
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source)

    return [gpus * 2 * size / seconds / 1e9 for seconds in time_repeatedly(machine, gpus, once)]


def time_repeatedly(machine: Machine, gpus: int, once: Callable[[], None]) -> list[float]:
    """Seconds of each repetition; the first few, in which things are loaded and clocks rise, do not count."""
    for _ in range(WARM_UPS):
        once()
    stop_workers(machine, gpus)
    taken: list[float] = []
    end = time.perf_counter() + machine.seconds
    while len(taken) < MIN_REPETITIONS or time.perf_counter() < end:
        began = time.perf_counter()
        once()
        stop_workers(machine, gpus)
        taken.append(time.perf_counter() - began)
    return taken


def stop_workers(machine: Machine, gpus: int) -> None:
    """GPUs work behind the program's back: wait for them."""
    if machine.kind == "cuda":
        for index in range(gpus):
            torch.cuda.synchronize(index)


def training(machine: Machine, gpus: int) -> list[float]:
    """Samples a second of each step: a process for each GPU, gradients averaged over all, as PyTorch is used."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    multiprocessing.spawn(_train, (machine, gpus, port, answers), nprocs=gpus)
    return [gpus * BATCH / seconds for seconds in answers.get()]


def _train(rank: int, machine: Machine, gpus: int, port: int, answers: Any) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("nccl" if machine.kind == "cuda" else "gloo", rank=rank, world_size=gpus)
    if machine.kind == "cuda":
        torch.cuda.set_device(rank)
    steps = _steps(machine, rank)
    if rank == 0:
        answers.put(steps)
    torch.distributed.destroy_process_group()


def _steps(machine: Machine, rank: int) -> list[float]:
    device = machine.device(rank)
    features = FEATURES if machine.kind == "cuda" else SMALL_FEATURES
    layers = [layer for _ in range(LAYERS) for layer in (nn.Linear(features, features), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(features, CLASSES)).to(device)
    parallel = DistributedDataParallel(model, device_ids=[rank] if machine.kind == "cuda" else None)
    optimizer = torch.optim.SGD(parallel.parameters(), lr=0.01)
    samples = torch.randn(BATCH, features, device=device)
    labels = torch.randint(CLASSES, (BATCH,), device=device)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(parallel(samples), labels).backward()
        optimizer.step()

    return _in_step(machine, rank, step)


def _in_step(machine: Machine, rank: int, step: Callable[[], None]) -> list[float]:
    """As `repeated`, with a number of steps that all processes share: whoever stopped alone would hang the others."""
    for _ in range(WARM_UPS):
        step()
    _settle(machine, rank)
    began = time.perf_counter()
    step()
    _settle(machine, rank)
    pace = torch.tensor([time.perf_counter() - began], device=machine.device(rank))
    torch.distributed.all_reduce(pace, torch.distributed.ReduceOp.MAX)
    taken: list[float] = []
    for _ in range(max(MIN_REPETITIONS, int(machine.seconds / pace.item()))):
        began = time.perf_counter()
        step()
        _settle(machine, rank)
        taken.append(time.perf_counter() - began)
    return taken


def _settle(machine: Machine, rank: int) -> None:
    if machine.kind == "cuda":
        torch.cuda.synchronize(rank)


if __name__ == "__main__":
    raise SystemExit(main())

"""Matrix products, and copies within GPU memory."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from devices import MIN_REPETITIONS, WARM_UPS, Devices

MATRIX = {"cuda": 8192, "cpu": 512}
"""Side of the square matrices, large enough to keep a GPU busy: 256 MB in FP32."""

COPIED_BYTES = {"cuda": 1 << 30, "cpu": 1 << 24}
"""Much more than the cache of any GPU."""


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

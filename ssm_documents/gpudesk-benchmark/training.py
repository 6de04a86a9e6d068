"""Training steps of a small network, with one process per GPU."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

import torch
from devices import MIN_REPETITIONS, WARM_UPS, Devices
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

BATCH, FEATURES, LAYERS, CLASSES = 512, 4096, 6, 10
"""Size of the training step on each GPU: a perceptron of 100 million parameters."""

SMALL_FEATURES = 64
"""Number of features on a CPU."""


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

"""What gpudesk-benchmark prints on a machine that is only simulated: plausible figures, made up of the GPU's peaks."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.domain.benchmarks.result import UNITS, Metric
from chalicelib.store.data_files import load_catalog
from local.machines.host.port import MachineSpec
from local.machines.host.simulated import Outcome

DRIVER, FRAMEWORK, CUDA = "580.159.04", "PyTorch 2.11.0+cu130 (simulated)", "13.0"

SHARES = {Metric.FP32: 0.77, Metric.FP16: 0.65, Metric.BF16: 0.67, Metric.MEMORY: 0.88}
"""Of the peak: what a real H100 reached."""

TRAINED_PER_TFLOPS = 1300.0
"""Samples a second of the training step for each FP32 TFLOPS: a real H100's."""

LOST_PER_DOUBLING = 0.04
"""Of a training step's speed, to waiting for each other."""

UNKNOWN_PEAK = 100.0

NO_GPU = "gpudesk: This machine has no NVIDIA GPU that its driver can see (nvidia-smi --list-gpus)"


def simulated_benchmark(spec: MachineSpec) -> Outcome:
    """How the step ends."""
    if spec.gpu is None or not spec.gpu_count:
        return 1, "", NO_GPU
    said: dict[str, Any] = {
        "gpu_name": spec.gpu,
        "count": spec.gpu_count,
        "driver": DRIVER,
        "framework": FRAMEWORK,
        "cuda": CUDA,
    }
    runs = list(_runs(spec.instance_type, spec.gpu_count))
    return 0, json.dumps({**said, "runs": runs}, separators=(",", ":")) + "\n", ""


def _runs(instance_type: str, count: int) -> Iterator[dict[str, Any]]:
    peaks = load_catalog().peaks[load_catalog().get_type(instance_type).gpu or ""]
    of = {
        Metric.FP32: peaks.fp32_tflops,
        Metric.FP16: peaks.fp16_bf16_tflops,
        Metric.BF16: peaks.fp16_bf16_tflops,
        Metric.MEMORY: peaks.memory_gb_per_s,
    }
    for doublings, gpus in enumerate(_counts(count)):
        for what, share in SHARES.items():
            yield _run(gpus, what, gpus * share * (of[what] or UNKNOWN_PEAK))
        alone = TRAINED_PER_TFLOPS * (peaks.fp32_tflops or UNKNOWN_PEAK)
        yield _run(gpus, Metric.TRAINING, gpus * alone * (1 - LOST_PER_DOUBLING) ** doublings)


def _counts(count: int) -> list[int]:
    """1, 2, 4, ... and all of them."""
    return sorted({*(1 << power for power in range(count.bit_length()) if 1 << power <= count), count})


def _run(gpus: int, what: Metric, median: float) -> dict[str, Any]:
    p10, middle, p90 = (float(f"{median * factor:.4g}") for factor in (0.98, 1.0, 1.01))
    return {"gpus": gpus, "metric": what, "unit": UNITS[what], "median": middle, "p10": p10, "p90": p90}

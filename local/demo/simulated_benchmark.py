"""Simulated output of the document gpudesk-benchmark: plausible results, computed from the peaks of the GPU."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.domain.benchmarks.result import UNITS, Metric
from chalicelib.store.data_files import load_catalog
from local.machines.host.interface import MachineSpec
from local.machines.host.simulated import Outcome

DRIVER, FRAMEWORK, CUDA = "580.159.04", "PyTorch 2.11.0+cu130 (simulated)", "13.0"

PEAK_SHARES = {Metric.FP32: 0.77, Metric.FP16: 0.65, Metric.BF16: 0.67, Metric.MEMORY: 0.88}
"""Share of the GPU's peak that a real H100 reached."""

TRAINING_SAMPLES_PER_TFLOPS = 1300.0
"""Samples per second of the training step for each FP32 TFLOPS, as on a real H100."""

SCALING_LOSS_PER_DOUBLING = 0.04
"""Share of a training step's speed that is lost to communication each time the number of GPUs doubles."""

UNKNOWN_PEAK = 100.0

MIN_BF16_CAPABILITY = (8, 0)
"""CUDA compute capability from which a GPU has BF16. On others, the benchmark does not measure it."""

NO_GPU = "gpudesk: This machine has no NVIDIA GPU that its driver can see (nvidia-smi --list-gpus)"


def simulate_benchmark(spec: MachineSpec) -> Outcome:
    """Return the simulated outcome of the benchmark's step."""
    if spec.gpu is None or not spec.gpu_count:
        return 1, "", NO_GPU
    result: dict[str, Any] = {
        "gpu_name": spec.gpu,
        "count": spec.gpu_count,
        "driver": DRIVER,
        "framework": FRAMEWORK,
        "cuda": CUDA,
        "runs": list(_build_runs(spec.instance_type, spec.gpu_count)),
    }
    return 0, json.dumps(result, separators=(",", ":")) + "\n", ""


def _build_runs(instance_type: str, gpu_count: int) -> Iterator[dict[str, Any]]:
    catalog = load_catalog()
    hardware = catalog.get_type(instance_type)
    peaks = catalog.peaks[hardware.gpu or ""]
    peak_by_metric = {
        Metric.FP32: peaks.fp32_tflops,
        Metric.FP16: peaks.fp16_bf16_tflops,
        Metric.BF16: peaks.fp16_bf16_tflops,
        Metric.MEMORY: peaks.memory_gb_per_s,
    }
    for doublings, gpus in enumerate(_list_gpu_counts(gpu_count)):
        for metric, share in PEAK_SHARES.items():
            if metric is Metric.BF16 and not _has_bf16(hardware.compute_capability):
                continue
            yield _build_run(gpus, metric, gpus * share * (peak_by_metric[metric] or UNKNOWN_PEAK))
        single_gpu = TRAINING_SAMPLES_PER_TFLOPS * (peaks.fp32_tflops or UNKNOWN_PEAK)
        yield _build_run(gpus, Metric.TRAINING, gpus * single_gpu * (1 - SCALING_LOSS_PER_DOUBLING) ** doublings)


def _has_bf16(capability: str | None) -> bool:
    return capability is not None and tuple(int(part) for part in capability.split(".")) >= MIN_BF16_CAPABILITY


def _list_gpu_counts(gpu_count: int) -> list[int]:
    """Return the powers of two up to `gpu_count`, and `gpu_count` itself."""
    return sorted({*(1 << power for power in range(gpu_count.bit_length()) if 1 << power <= gpu_count), gpu_count})


def _build_run(gpus: int, metric: Metric, median: float) -> dict[str, Any]:
    p10, middle, p90 = (float(f"{median * factor:.4g}") for factor in (0.98, 1.0, 1.01))
    return {"gpus": gpus, "metric": metric, "unit": UNITS[metric], "median": middle, "p10": p10, "p90": p90}

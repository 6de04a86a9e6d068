"""Results of GPU benchmarks, and their comparison by performance per US dollar."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalog.gpu_models import Peaks
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog


class Metric(StrEnum):
    """Measured quantity.

    FP32, FP16 and BF16: products of matrices. MEMORY: bytes read and written. TRAINING: samples of training steps.
    """

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    MEMORY = "memory"
    TRAINING = "training"


UNITS: Mapping[Metric, str] = {
    Metric.FP32: "TFLOPS",
    Metric.FP16: "TFLOPS",
    Metric.BF16: "TFLOPS",
    Metric.MEMORY: "GB/s",
    Metric.TRAINING: "samples/s",
}


@dataclass(frozen=True, kw_only=True)
class MetricResult:
    """Result of one metric, summed over the GPUs that work at the same time. UNITS has the units.

    :param gpus: number of GPUs that work at the same time
    :param p10: 10th percentile of the repetitions
    :param p90: 90th percentile of the repetitions
    :param plausibility_checked: whether the result was compared with the peak of the GPU; False if no peak is known
    """

    gpus: int
    metric: Metric
    median: float
    p10: float
    p90: float
    plausibility_checked: bool


@dataclass(frozen=True, kw_only=True)
class BenchmarkTarget:
    """Instance type that a benchmark must measure, as it was when the benchmark was requested.

    :param gpu: name of the GPU in the catalog
    """

    instance_type: str
    region: str
    gpu: str
    gpu_count: int
    peaks: Peaks


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A validated benchmark of an instance.

    :param id: unique, also among deleted benchmarks
    :param instance_id: gpudesk's id of the instance
    :param gpu: name of the GPU in the catalog
    :param gpu_name: name of the GPU in the driver
    """

    id: str
    instance_id: str
    owner: str
    instance_type: str
    region: str
    gpu: str
    gpu_count: int
    measured_at: datetime
    gpu_name: str
    driver: str | None = None
    framework: str
    cuda: str | None = None
    results: tuple[MetricResult, ...]

    @property
    def summary(self) -> str:
        """Medians of all GPUs together, as text."""
        medians = [
            f"{result.metric} {result.median:g} {UNITS[result.metric]}"
            for result in self.results
            if result.gpus == self.gpu_count
        ]
        return f"{self.gpu_count} x {self.gpu}: {', '.join(medians)}"

    def find_median(self, metric: Metric, gpus: int) -> float | None:
        """Return the median of a metric on a number of GPUs; None if it was not measured."""
        return next((result.median for result in self.results if (result.metric, result.gpus) == (metric, gpus)), None)


@dataclass(frozen=True)
class ScoredMetric:
    """A result with its scores.

    :param per_dollar: median per US dollar of the hourly price; None unless all GPUs of the instance were at work
    :param efficiency: median, divided by the number of GPUs and by the median of one GPU; None if one GPU was not
        measured
    """

    result: MetricResult
    per_dollar: float | None
    efficiency: float | None


@dataclass(frozen=True)
class Comparison:
    """The newest benchmark of an instance type with its scores.

    :param price_per_hour: US dollars in the region of the benchmark, from the catalog; None: unknown
    """

    benchmark: Benchmark
    price_per_hour: Decimal | None
    scores: tuple[ScoredMetric, ...]

    def find_per_dollar(self, metric: Metric) -> float:
        """Return the best score of a metric per US dollar; 0 if it is unknown."""
        return max((score.per_dollar or 0.0 for score in self.scores if score.result.metric is metric), default=0.0)


def compare_benchmarks(benchmarks: Iterable[Benchmark], catalog: InstanceTypeCatalog) -> list[Comparison]:
    """Return the newest benchmark of each instance type, the best training score per US dollar first."""
    newest: dict[str, Benchmark] = {}
    for benchmark in sorted(benchmarks, key=lambda candidate: (candidate.measured_at, candidate.id)):
        newest[benchmark.instance_type] = benchmark
    comparisons = [
        _score(benchmark, catalog.get_price(benchmark.instance_type, benchmark.region)) for benchmark in newest.values()
    ]
    return sorted(
        comparisons,
        key=lambda comparison: (-comparison.find_per_dollar(Metric.TRAINING), comparison.benchmark.instance_type),
    )


def _score(benchmark: Benchmark, price: Decimal | None) -> Comparison:
    scores = tuple(
        ScoredMetric(result, _compute_per_dollar(result, benchmark, price), _compute_efficiency(result, benchmark))
        for result in benchmark.results
    )
    return Comparison(benchmark, price, scores)


def _compute_per_dollar(result: MetricResult, benchmark: Benchmark, price: Decimal | None) -> float | None:
    if not price or result.gpus != benchmark.gpu_count:
        return None
    return _round(result.median / float(price))


def _compute_efficiency(result: MetricResult, benchmark: Benchmark) -> float | None:
    single_gpu = benchmark.find_median(result.metric, 1)
    return _round(result.median / (result.gpus * single_gpu)) if single_gpu else None


def _round(value: float) -> float:
    """Round to 4 digits; no measurement is more precise."""
    return float(f"{value:.4g}")

"""What machines' GPUs can do, as measured on them: kept, and compared by what a dollar buys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog, Peaks

RETENTION = timedelta(days=365)
"""A year's drivers and frameworks later, a figure says little of today."""


class Metric(StrEnum):
    """What was measured: products of matrices, bytes of memory read and written, samples of a training step."""

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
    """One measurement, of all the GPUs at work together.

    :param gpus: how many at the same time
    :param p10: tenth percentile of the repetitions; `p90` the ninetieth
    :param plausibility_checked: compared with the GPU's peak; False where none is known
    """

    gpus: int
    metric: Metric
    median: float
    p10: float
    p90: float
    plausibility_checked: bool


@dataclass(frozen=True, kw_only=True)
class BenchmarkTarget:
    """What a measurement has to be of, as it stood when it was asked for.

    :param gpu: as the catalogue calls it
    """

    instance_type: str
    region: str
    gpu: str
    gpu_count: int
    peaks: Peaks


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A measurement that was believed.

    :param id: never used again
    :param instance_id: the desk's
    :param gpu_name: as its driver calls the GPU
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
    driver: str | None
    framework: str
    cuda: str | None
    results: tuple[MetricResult, ...]

    @property
    def summary(self) -> str:
        """What all the GPUs together can do."""
        notification = [
            f"{result.metric} {result.median:g} {UNITS[result.metric]}"
            for result in self.results
            if result.gpus == self.gpu_count
        ]
        return f"{self.gpu_count} x {self.gpu}: {', '.join(notification)}"

    def median_of(self, what: Metric, gpus: int) -> float | None:
        """The median; None where that was not measured."""
        return next((result.median for result in self.results if (result.metric, result.gpus) == (what, gpus)), None)


@dataclass(frozen=True)
class ScoredMetric:
    """A figure beside what it cost and how it scales.

    :param per_dollar: the figure's unit for each US dollar an hour; None unless all GPUs that are paid for were at work
    :param efficiency: of one GPU's speed times their number; None where one alone was not measured
    """

    result: MetricResult
    per_dollar: float | None
    efficiency: float | None


@dataclass(frozen=True)
class Comparison:
    """One instance type: its newest measurement, and what it is worth.

    :param price_per_hour: US dollars, the catalogue's, in the region where it was measured; None where none is known
    """

    benchmark: Benchmark
    price_per_hour: Decimal | None
    scores: tuple[ScoredMetric, ...]

    def per_dollar(self, what: Metric) -> float:
        """For sorting: 0 where it is not known."""
        return max((score.per_dollar or 0.0 for score in self.scores if score.result.metric is what), default=0.0)


def compare_benchmarks(benchmarks: Iterable[Benchmark], catalog: InstanceTypeCatalog) -> list[Comparison]:
    """Per instance type the newest measurement; what trains most for a dollar comes first."""
    newest: dict[str, Benchmark] = {}
    for benchmark in sorted(benchmarks, key=lambda each: (each.measured_at, each.id)):
        newest[benchmark.instance_type] = benchmark
    compared = [_rated(each, catalog.get_price(each.instance_type, each.region)) for each in newest.values()]
    return sorted(compared, key=lambda each: (-each.per_dollar(Metric.TRAINING), each.benchmark.instance_type))


def _rated(benchmark: Benchmark, price: Decimal | None) -> Comparison:
    ratings = tuple(
        ScoredMetric(figure, _per_dollar(figure, benchmark, price), _efficiency(figure, benchmark))
        for figure in benchmark.results
    )
    return Comparison(benchmark, price, ratings)


def _per_dollar(figure: MetricResult, benchmark: Benchmark, price: Decimal | None) -> float | None:
    if not price or figure.gpus != benchmark.gpu_count:
        return None
    return _rounded(figure.median / float(price))


def _efficiency(figure: MetricResult, benchmark: Benchmark) -> float | None:
    alone = benchmark.median_of(figure.metric, 1)
    return _rounded(figure.median / (figure.gpus * alone)) if alone else None


def _rounded(value: float) -> float:
    """To four digits: no measurement is better than that."""
    return float(f"{value:.4g}")

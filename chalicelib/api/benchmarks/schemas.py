"""Body, query and views of GPU benchmarks."""

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.code_schemas import MetricText
from chalicelib.api.common_views import format_decimal
from chalicelib.api.request_models import PageQuery, RequestModel
from chalicelib.domain.benchmarks.result import UNITS, Comparison, ScoredMetric
from chalicelib.domain.common.text import format_timestamp


class BenchmarkBody(RequestModel):
    """How to run a benchmark."""

    seconds: int | None = Field(
        None, ge=1, le=20, description="a whole number of seconds to measure each metric, from 1 to 20, e.g. 2"
    )


class BenchmarkQuery(PageQuery):
    """A filter of benchmarks: those of one instance type, or of one GPU."""

    instance_type: str | None = Field(
        None, min_length=1, max_length=60, description="an EC2 instance type, e.g. g4dn.xlarge"
    )
    gpu: str | None = Field(None, min_length=1, max_length=60, description="the name of a GPU, e.g. T4")


class MetricResultView(TypedDict):
    """One metric, measured on `gpus` GPUs at the same time; `p10` and `p90` are percentiles of the repetitions.

    `plausibility_checked`: the median was compared with the peak of the GPU; false if no peak is known. `per_dollar`:
    the median divided by the price per hour in US dollars; null unless all GPUs were used. `efficiency`: the median
    divided by `gpus` times the median of one GPU; null if one GPU was not measured.
    """

    gpus: int
    metric: MetricText
    unit: str
    median: float
    p10: float
    p90: float
    plausibility_checked: bool
    per_dollar: float | None
    efficiency: float | None


class BenchmarkComparisonView(TypedDict):
    """The newest benchmark of one instance type.

    `price_per_hour`: the on-demand price in `region`, in USD. `gpu_name`: the GPU's name as its driver reports it.
    """

    instance_type: str
    gpu: str
    gpu_count: int
    region: str
    price_per_hour: str | None
    measured_at: str
    gpu_name: str
    driver: str | None
    framework: str
    cuda: str | None
    results: list[MetricResultView]


def to_comparison_view(comparison: Comparison) -> BenchmarkComparisonView:
    """Return the view of the newest benchmark of an instance type, with its price."""
    benchmark, price = comparison.benchmark, comparison.price_per_hour
    return {
        "instance_type": benchmark.instance_type,
        "gpu": benchmark.gpu,
        "gpu_count": benchmark.gpu_count,
        "region": benchmark.region,
        "price_per_hour": format_decimal(price) if price is not None else None,
        "measured_at": format_timestamp(benchmark.measured_at),
        "gpu_name": benchmark.gpu_name,
        "driver": benchmark.driver,
        "framework": benchmark.framework,
        "cuda": benchmark.cuda,
        "results": [_to_result_view(score) for score in comparison.scores],
    }


def _to_result_view(score: ScoredMetric) -> MetricResultView:
    result = score.result
    return {
        "gpus": result.gpus,
        "metric": str(result.metric),
        "unit": UNITS[result.metric],
        "median": result.median,
        "p10": result.p10,
        "p90": result.p90,
        "plausibility_checked": result.plausibility_checked,
        "per_dollar": score.per_dollar,
        "efficiency": score.efficiency,
    }

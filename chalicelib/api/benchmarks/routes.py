"""/benchmarks: measured GPU performance, compared between instance types."""

from typing_extensions import TypedDict

from chalicelib.api.common_schemas import EmptyModel
from chalicelib.api.forms.queries import BenchmarkListing, OwnerQuery
from chalicelib.api.instances.bodies import BenchmarkBody
from chalicelib.api.instances.routes import view_after_write
from chalicelib.api.instances.views import InstanceWithWarningsView
from chalicelib.api.pagination import paginate, to_page_view
from chalicelib.api.routing import RequestContext, Router
from chalicelib.api.views.values import PageView, format_usd
from chalicelib.domain.benchmarks.result import UNITS, Comparison, ScoredMetric
from chalicelib.domain.common.pagination import list_name
from chalicelib.domain.common.text import format_timestamp

router = Router()


class MetricResultView(TypedDict):
    """One metric, measured on `gpus` GPUs at the same time; `p10` and `p90` are percentiles of the repetitions.

    `plausibility_checked`: the median was compared with the peak of the GPU; false if no peak is known. `per_dollar`:
    `unit` for each US dollar per hour; null unless all GPUs were used. `efficiency`: relative to the same number of
    single GPUs.
    """

    gpus: int
    metric: str
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


@router.route(
    "POST",
    "/instances/{name}/benchmarks",
    takes=BenchmarkBody,
    asks=OwnerQuery,
    gives=InstanceWithWarningsView,
    status=202,
)
def start_benchmark(call: RequestContext[BenchmarkBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Start a benchmark of the instance's GPUs. While one runs, another request returns the same benchmark."""
    asked = call.app.benchmarks.start(call.actor, call.path_ref, seconds=call.body.seconds)
    return view_after_write(asked, call.app.clock.now())


@router.route("GET", "/benchmarks", takes=EmptyModel, asks=BenchmarkListing, gives=PageView[BenchmarkComparisonView])
def list_benchmarks(call: RequestContext[EmptyModel, BenchmarkListing]) -> PageView[BenchmarkComparisonView]:
    """List the newest benchmark of each instance type, ordered by training throughput per US dollar."""
    query = call.query
    compared = call.app.benchmarks.compare(instance_type=query.instance_type, gpu=query.gpu)
    page = paginate(compared, query, list_name("benchmarks"), lambda found: found.benchmark.instance_type)
    return to_page_view(page, _comparison)


def _comparison(compared: Comparison) -> BenchmarkComparisonView:
    benchmark, price = compared.benchmark, compared.price_per_hour
    return {
        "instance_type": benchmark.instance_type,
        "gpu": benchmark.gpu,
        "gpu_count": benchmark.gpu_count,
        "region": benchmark.region,
        "price_per_hour": format_usd(price) if price is not None else None,
        "measured_at": format_timestamp(benchmark.measured_at),
        "gpu_name": benchmark.gpu_name,
        "driver": benchmark.driver,
        "framework": benchmark.framework,
        "cuda": benchmark.cuda,
        "results": [_figure(score) for score in compared.scores],
    }


def _figure(rating: ScoredMetric) -> MetricResultView:
    figure = rating.figure
    return {
        "gpus": figure.gpus,
        "metric": str(figure.metric),
        "unit": UNITS[figure.metric],
        "median": figure.median,
        "p10": figure.p10,
        "p90": figure.p90,
        "plausibility_checked": figure.plausibility_checked,
        "per_dollar": rating.per_dollar,
        "efficiency": rating.efficiency,
    }

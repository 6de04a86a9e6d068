"""/benchmarks: what GPUs can do, measured, and what that is worth."""

from typing_extensions import TypedDict

from chalicelib.api.forms.base import Nothing
from chalicelib.api.forms.instances import BenchmarkForm
from chalicelib.api.forms.queries import Asking, BenchmarkListing
from chalicelib.api.instances import written
from chalicelib.api.pages import page_of
from chalicelib.api.routes import Call, Routes
from chalicelib.api.views.instance import InstanceView
from chalicelib.api.views.values import Page, dollars, moment
from chalicelib.domain.benchmarks import UNITS, Comparison, Rating

routes = Routes()


class FigureView(TypedDict):
    """One measurement, of `gpus` at work together; `low` to `high` hold eight of ten repetitions.

    `checked`: held against the GPU's peak, as far as one is known. `per_dollar`: of `unit` for each US dollar an hour,
    where all the GPUs were at work. `efficiency`: of what as many single GPUs would do.
    """

    gpus: int
    what: str
    unit: str
    median: float
    low: float
    high: float
    checked: bool
    per_dollar: float | None
    efficiency: float | None


class ComparisonView(TypedDict):
    """The newest measurement of one instance type. The price is the catalogue's, on demand, where it was measured."""

    instance_type: str
    gpu: str
    gpu_count: int
    region: str
    price_per_hour: str | None
    measured_at: str
    device: str
    driver: str | None
    framework: str
    cuda: str | None
    figures: list[FigureView]


@routes.add("POST", "/instances/{name}/benchmarks", takes=BenchmarkForm, asks=Asking, gives=InstanceView, status=202)
def measure_instance(call: Call[BenchmarkForm, Asking]) -> InstanceView:
    """Measure what its GPUs can do; while that is so, whoever asks again is answered with it."""
    asked = call.desk.requests.benchmarking.measure(call.actor, call.ref, seconds=call.body.seconds)
    return written(asked, call.desk.clock.now())


@routes.add("GET", "/benchmarks", takes=Nothing, asks=BenchmarkListing, gives=Page[ComparisonView])
def list_benchmarks(call: Call[Nothing, BenchmarkListing]) -> Page[ComparisonView]:
    """Instance types compared by what was measured on them; what trains most for a dollar comes first."""
    query = call.query
    compared = call.desk.requests.benchmarking.compared(instance_type=query.instance_type, gpu=query.gpu)
    return page_of([_comparison(each) for each in compared], query, lambda view: view["instance_type"])


def _comparison(compared: Comparison) -> ComparisonView:
    benchmark, price = compared.benchmark, compared.price_per_hour
    return {
        "instance_type": benchmark.instance_type,
        "gpu": benchmark.gpu,
        "gpu_count": benchmark.gpu_count,
        "region": benchmark.region,
        "price_per_hour": dollars(price) if price is not None else None,
        "measured_at": moment(benchmark.measured_at),
        "device": benchmark.device,
        "driver": benchmark.driver,
        "framework": benchmark.framework,
        "cuda": benchmark.cuda,
        "figures": [_figure(each) for each in compared.ratings],
    }


def _figure(rating: Rating) -> FigureView:
    figure = rating.figure
    return {
        "gpus": figure.gpus,
        "what": str(figure.what),
        "unit": UNITS[figure.what],
        "median": figure.median,
        "low": figure.low,
        "high": figure.high,
        "checked": figure.checked,
        "per_dollar": rating.per_dollar,
        "efficiency": rating.efficiency,
    }

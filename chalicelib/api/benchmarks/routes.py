"""/benchmarks: measured GPU performance, compared between instance types."""

from chalicelib.api.benchmarks.schemas import BenchmarkBody, BenchmarkComparisonView, BenchmarkQuery, to_comparison_view
from chalicelib.api.common_views import PageView
from chalicelib.api.instances.views import InstanceWithWarningsView, to_view_after_write
from chalicelib.api.pagination import paginate, to_page_view
from chalicelib.api.parameters import INSTANCE_REF
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.domain.common.pagination import build_list_name
from chalicelib.domain.instances.commands.start_benchmark import build_benchmark_reason

router = Router("benchmarks", "Measure the GPUs of an instance, and compare instance types.")


@router.route(
    Endpoint("POST", "/instances/{name}/benchmarks", INSTANCE_REF, status=202),
)
def start_benchmark(call: RequestContext[BenchmarkBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Start a benchmark of the instance's GPUs. While one runs, another request returns the same benchmark.

    gpudesk runs it afterwards; `status.benchmark` of GET /instances/{name} shows the progress.
    """
    instance = call.app.benchmarks.start(call.actor, call.path_ref, seconds=call.body.seconds)
    return to_view_after_write(instance, call.app.clock.now(), reason=build_benchmark_reason(instance))


@router.route(Endpoint("GET", "/benchmarks", needs_owner=False))
def list_benchmarks(call: RequestContext[EmptyModel, BenchmarkQuery]) -> PageView[BenchmarkComparisonView]:
    """List the newest benchmark of each instance type, ordered by training throughput per US dollar."""
    query = call.query
    comparisons = call.app.benchmarks.compare(instance_type=query.instance_type, gpu=query.gpu)
    page = paginate(
        comparisons, query, build_list_name("benchmarks"), lambda comparison: comparison.benchmark.instance_type
    )
    return to_page_view(page, to_comparison_view)

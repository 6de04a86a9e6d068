"""Request a benchmark of the GPUs of a ready instance."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.benchmarks.result import BenchmarkTarget
from chalicelib.domain.catalog.gpu_models import Peaks
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.deadlines import BENCHMARK_TIMEOUT
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.commands.change import RecordChange, describe_not_ready, require_not_ending
from chalicelib.domain.instances.record import BenchmarkRun, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.setup.recipe import RecipeDocument

BENCHMARK_DOCUMENT = "gpudesk-benchmark"

DEFAULT_METRIC_SECONDS = 2
"""Default duration of each measurement: enough for more than a hundred repetitions on any GPU."""


def request_benchmark(
    instance: Instance, catalog: InstanceTypeCatalog, seconds: int | None, actor: Actor, now: datetime
) -> RecordChange:
    """Request a benchmark. If one is in progress, nothing changes: the caller gets that one.

    :param seconds: duration of each measurement; None: the default
    :raises Conflict: the instance has no GPU that can be measured, or is not ready
    """
    target = _build_target(instance, catalog)
    _require_ready(instance)
    if instance.benchmark_run:
        return RecordChange(instance)
    parameters = {"attemptId": "${attempt_id}", "seconds": str(seconds or DEFAULT_METRIC_SECONDS), "cpu": "0"}
    benchmark = BenchmarkRun(
        id=f"{instance.id}.benchmark.{instance.version or 0}",
        document=RecipeDocument(name=BENCHMARK_DOCUMENT, parameters=parameters, timeout=BENCHMARK_TIMEOUT),
        target=target,
        requested_by=actor.name,
        requested_at=now,
    )
    gpus = target.gpu if target.gpu_count == 1 else f"{target.gpu_count} x {target.gpu}"
    message = f"{actor.name} requested a benchmark of {instance.name} ({gpus})."
    reason = EventReason(code=EventCode.BENCHMARK_REQUESTED, message=message)
    entry = timeline_entry(now, reason, actor=actor.name)
    return RecordChange(replace(instance, benchmark_run=benchmark), (entry,))


def build_benchmark_reason(instance: Instance) -> EventReason:
    """Return who requested the benchmark of an instance, for the answer to the request.

    :raises ValueError: no benchmark is requested
    """
    benchmark = instance.benchmark_run
    if benchmark is None:
        raise ValueError(f"{instance.id}: no benchmark is requested")
    message = f"{benchmark.requested_by} requested a benchmark of {instance.name}."
    return EventReason(code=EventCode.BENCHMARK_REQUESTED, message=message)


def _require_ready(instance: Instance) -> None:
    require_not_ending(instance, "run a benchmark")
    if instance.phase is not Phase.READY or instance.spec.desired is not DesiredState.RUNNING:
        raise Conflict(describe_not_ready(instance, "Start the benchmark"), code=ErrorCode.NOT_READY)
    if instance.image_in_progress:
        message = f"An image of {instance.name} is being created. Start the benchmark when the image is available."
        raise Conflict(message, code=ErrorCode.IMAGE_IN_PROGRESS)


def _build_target(instance: Instance, catalog: InstanceTypeCatalog) -> BenchmarkTarget:
    hardware = instance.spec.hardware
    if hardware.nvidia_gpu_count is None:
        message = f"gpudesk does not know the GPUs of {instance.name}: {hardware.instance_type} is not in its catalog."
        raise Conflict(message, code=ErrorCode.NO_GPU)
    if hardware.gpu is None:
        message = f"{instance.name} is a {hardware.instance_type}, which has no GPU. The benchmark needs an NVIDIA GPU."
        raise Conflict(message, code=ErrorCode.NO_GPU)
    if not hardware.nvidia_gpu_count:
        message = f"{instance.name} has {hardware.gpu}. The benchmark needs an NVIDIA GPU: it uses PyTorch for CUDA."
        raise Conflict(message, code=ErrorCode.NO_GPU)
    return BenchmarkTarget(
        instance_type=hardware.instance_type,
        region=instance.spec.region,
        gpu=hardware.gpu,
        gpu_count=hardware.nvidia_gpu_count,
        peaks=catalog.peaks.get(hardware.gpu, Peaks()),
    )

"""What a ready instance may be asked to do once, beside being used: so far, to measure what its GPUs can do."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.benchmarks.result import BenchmarkTarget
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.record import BenchmarkRun, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.setup.recipe import RecipeDocument

BENCHMARK_DOCUMENT = "gpudesk-benchmark"

DEFAULT_METRIC_SECONDS = 2
"""Of each measurement, where nothing else is asked for: a hundred and more repetitions on any GPU."""

BENCHMARK_TIMEOUT = timedelta(minutes=30)
"""Twenty measurements of twenty seconds on eight GPUs, and PyTorch loaded from a disk that is new."""


def start_benchmark(
    instance: Instance, catalog: InstanceTypeCatalog, seconds: int | None, actor: Actor, now: datetime
) -> RecordChange:
    """Measured once; whoever asks while that is so is answered with the measurement that is on its way.

    :param seconds: how long each measurement takes
    :raises Conflict: it has no GPU that could be measured, or is not ready
    """
    subject = _subject(instance, catalog)
    if instance.phase is not Phase.READY or instance.spec.desired is not DesiredState.RUNNING:
        is_what = instance.phase if instance.phase is not Phase.READY else "being ended"
        raise Conflict(f"{instance.name} is {is_what}: only a ready instance can be measured", code=ErrorCode.NOT_READY)
    if instance.image_in_progress:
        raise Conflict(
            f"an image of {instance.name} is being made; ask again once it is", code=ErrorCode.IMAGE_IN_PROGRESS
        )
    if instance.benchmark_run:
        return RecordChange(instance)
    parameters = {"attemptId": "${attempt_id}", "seconds": str(seconds or DEFAULT_METRIC_SECONDS), "cpu": "0"}
    errand = BenchmarkRun(
        id=f"{instance.id}.benchmark.{instance.version or 0}",
        document=RecipeDocument(name=BENCHMARK_DOCUMENT, parameters=parameters, timeout=BENCHMARK_TIMEOUT),
        target=subject,
        requested_by=actor.name,
        requested_at=now,
    )
    reason = EventReason(
        code=EventCode.BENCHMARK_REQUESTED, message=f"{actor.name} asked for a measurement of its {_gpus(subject)}"
    )
    return RecordChange(replace(instance, benchmark_run=errand), (timeline_entry(now, reason, actor=actor.name),))


def _subject(instance: Instance, catalog: InstanceTypeCatalog) -> BenchmarkTarget:
    spec = instance.spec
    if spec.hardware.gpu is None:
        raise Conflict(
            f"{instance.name} is a {spec.hardware.instance_type}: it has no GPU to measure", code=ErrorCode.NO_GPU
        )
    if not spec.hardware.nvidia_gpu_count:
        raise Conflict(
            f"{instance.name} has {spec.hardware.gpu}: only NVIDIA's GPUs can be measured, by PyTorch for CUDA",
            code=ErrorCode.NO_GPU,
        )
    return BenchmarkTarget(
        instance_type=spec.hardware.instance_type,
        region=spec.region,
        gpu=spec.hardware.gpu,
        gpu_count=spec.hardware.nvidia_gpu_count,
        peaks=catalog.peaks[spec.hardware.gpu],
    )


def _gpus(subject: BenchmarkTarget) -> str:
    return subject.gpu if subject.gpu_count == 1 else f"{subject.gpu_count} x {subject.gpu}"

"""What a ready instance may be asked to do once, beside being used: so far, to measure what its GPUs can do."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.actors import Actor
from chalicelib.domain.benchmarks import Subject
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.errors import Conflict, ErrorCode
from chalicelib.domain.instance import Desired, Errand, Instance, Phase
from chalicelib.domain.lifecycle.rules import because, entry
from chalicelib.domain.recipes import DocumentUse
from chalicelib.domain.wishes import Wanted

BENCHMARK = "gpudesk-benchmark"

SECONDS = 2
"""Of each measurement, where nothing else is asked for: a hundred and more repetitions on any GPU."""

BENCHMARK_LIMIT = timedelta(minutes=30)
"""Twenty measurements of twenty seconds on eight GPUs, and PyTorch loaded from a disk that is new."""


def measure(instance: Instance, catalogue: Catalogue, seconds: int | None, actor: Actor, now: datetime) -> Wanted:
    """Measured once; whoever asks while that is so is answered with the measurement that is on its way.

    :param seconds: how long each measurement takes
    :raises Conflict: it has no GPU that could be measured, or is not ready
    """
    subject = _subject(instance, catalogue)
    if instance.phase is not Phase.READY or instance.spec.desired is not Desired.RUNNING:
        is_what = instance.phase if instance.phase is not Phase.READY else "being ended"
        raise Conflict(f"{instance.name} is {is_what}: only a ready instance can be measured", code=ErrorCode.NOT_READY)
    if instance.imaging:
        raise Conflict(
            f"an image of {instance.name} is being made; ask again once it is", code=ErrorCode.IMAGE_IN_PROGRESS
        )
    if instance.errand:
        return Wanted(instance)
    parameters = {"attemptId": "${attempt_id}", "seconds": str(seconds or SECONDS), "cpu": "0"}
    errand = Errand(
        id=f"{instance.id}.benchmark.{instance.version or 0}",
        document=DocumentUse(name=BENCHMARK, parameters=parameters, timeout=BENCHMARK_LIMIT),
        subject=subject,
        asked_by=actor.name,
        asked_at=now,
    )
    reason = because(EventCode.BENCHMARK_REQUESTED, f"{actor.name} asked for a measurement of its {_gpus(subject)}")
    return Wanted(replace(instance, errand=errand), (entry(now, reason, actor=actor.name),))


def _subject(instance: Instance, catalogue: Catalogue) -> Subject:
    spec = instance.spec
    if spec.gpu is None:
        raise Conflict(f"{instance.name} is a {spec.instance_type}: it has no GPU to measure", code=ErrorCode.NO_GPU)
    if not spec.nvidia_gpu_count:
        raise Conflict(
            f"{instance.name} has {spec.gpu}: only NVIDIA's GPUs can be measured, by PyTorch for CUDA",
            code=ErrorCode.NO_GPU,
        )
    return Subject(
        instance_type=spec.instance_type,
        region=spec.region,
        gpu=spec.gpu,
        gpu_count=spec.nvidia_gpu_count,
        peaks=catalogue.peaks[spec.gpu],
    )


def _gpus(subject: Subject) -> str:
    return subject.gpu if subject.gpu_count == 1 else f"{subject.gpu_count} x {subject.gpu}"

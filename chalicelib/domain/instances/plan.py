"""What is to be done about an instance: frozen data, so that it can be printed instead of done."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.common.errors import AwsError
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.metering import BilledSegment
from chalicelib.domain.instances.record import Instance, Machine
from chalicelib.domain.setup.results import StepDurations


@dataclass(frozen=True)
class ResolveLaunch:
    """Find image, root device, subnet and zone, and freeze them into an attempt."""

    excluded_zones: tuple[str, ...]


@dataclass(frozen=True)
class Launch:
    """RunInstances, exactly as frozen."""

    attempt: LaunchAttempt


@dataclass(frozen=True)
class SendDocument:
    """SendCommand of one document.

    :param timeout: how long it may take, in the world's time
    :param log_group: of CloudWatch Logs, for all that its steps say; None: nobody wants that
    :param skip_if_hash: document hash of the run that the image contains; gpudesk skips the document if SSM still has
        that version
    """

    document: str
    parameters: Mapping[str, str]
    attempt_id: str
    timeout: timedelta
    log_group: str | None = None
    skip_if_hash: str | None = None


@dataclass(frozen=True)
class Start:
    """StartInstances."""


@dataclass(frozen=True)
class Stop:
    """StopInstances.

    :param if_still_idle: read the heartbeat once more, consistently, and withdraw the claim if there is activity
    """

    force: bool = False
    if_still_idle: bool = False


@dataclass(frozen=True)
class Terminate:
    """TerminateInstances."""


@dataclass(frozen=True)
class LaunchResolved:
    """The launch request is complete."""

    attempt: LaunchAttempt


@dataclass(frozen=True)
class InstanceLaunched:
    """RunInstances gave an instance, this time or the first time the token was used."""

    machine: Machine


@dataclass(frozen=True)
class CommandSent:
    """SendCommand was accepted. :param document_hash: SSM's hash of the document"""

    command_id: str
    document_hash: str | None = None


@dataclass(frozen=True)
class DocumentAlreadyInstalled:
    """The document that is there now is the one that the image has; nothing was sent."""

    document_hash: str


@dataclass(frozen=True)
class CallAccepted:
    """AWS acknowledged; whether it comes about is for the next look to see."""


@dataclass(frozen=True)
class NoLongerIdle:
    """The heartbeat, read once more after the claim, does not say idle; AWS was not called."""

    reason: Reason


Outcome = (
    LaunchResolved | InstanceLaunched | CommandSent | DocumentAlreadyInstalled | CallAccepted | NoLongerIdle | AwsError
)
Step = ResolveLaunch | Launch | SendDocument | Start | Stop | Terminate


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one look at an instance leads to: first the write, then at most one call.

    :param instance: the record as it is to be written; the very one that was decided on means "nothing to write"
    :param benchmark: a measurement that is to be kept, in the same write
    :param step: the call, after the write that says it is coming
    :param reason: why this, or why nothing
    :param autonomous: gpudesk decided it on its own; mode `dry_run` only records it
    :param requeue: whether it is worth looking again at once
    :param durations: how long a document's steps took, to be remembered for the next estimate
    """

    instance: Instance
    reason: EventReason
    timeline: tuple[TimelineEntry, ...] = ()
    billed_segments: tuple[BilledSegment, ...] = ()
    benchmark: Benchmark | None = None
    step: Step | None = None
    autonomous: bool = False
    requeue: bool = False
    durations: StepDurations | None = None


def describe(plan: Plan) -> str:
    """A plan printed instead of done: why, then the call that it would make, then the lines it would write."""
    call = f"would call {plan.step}" if plan.step else "would call nothing"
    lines = [f"{plan.instance.name} ({plan.instance.phase}): {plan.reason.message} [{plan.reason.code}]", f"  {call}"]
    return "\n".join([*lines, *(f"  would write {line.code}: {line.message}" for line in plan.timeline)])

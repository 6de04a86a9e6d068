"""The plan for an instance: a write, then at most one AWS call. It is data, so that it can be printed instead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.common.deadlines import SSM_DELIVERY_TIMEOUT
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.launch_tries import OfferKey
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import SpotRequestKey
from chalicelib.domain.setup.results import StepDurations


@dataclass(frozen=True)
class ResolveLaunch:
    """Choose the next offer, find image, root device and subnet, and build the attempt of them.

    :param excluded: offers that are not tried: those of this pass, and those that EC2 has refused in the same sweep
    """

    excluded: tuple[OfferKey, ...] = ()


@dataclass(frozen=True)
class Launch:
    """Call RunInstances with the stored attempt.

    :param is_first_call: the decision that contains the step marked the attempt as sent. Any other call may repeat one
        that launched an instance.
    """

    attempt: LaunchAttempt
    is_first_call: bool = False


@dataclass(frozen=True)
class SendDocument:
    """Call SendCommand for one document.

    :param timeout: how long the script may take, on the clock of the instance
    :param log_group: CloudWatch log group for the output; None: the output is not logged
    :param delivery_timeout: how long SSM tries to deliver the command
    :param skip_if_hash: document hash of the run that the image contains; gpudesk skips the document if SSM still has
        that version
    """

    document: str
    parameters: Mapping[str, str]
    attempt_id: str
    timeout: timedelta
    log_group: str | None = None
    skip_if_hash: str | None = None
    delivery_timeout: timedelta = SSM_DELIVERY_TIMEOUT


@dataclass(frozen=True)
class RunHook:
    """Call SendCommand for the program that runs before a stop.

    :param if_still_idle: as in `Stop`
    """

    document: SendDocument
    if_still_idle: bool = False


@dataclass(frozen=True)
class Start:
    """Call StartInstances."""


@dataclass(frozen=True)
class ChangeType:
    """Call ModifyInstanceAttribute to change the type of the stopped instance. A repeated call changes nothing."""

    instance_type: str


class MoveCall(StrEnum):
    """Call of a move. Each can be repeated."""

    CREATE_IMAGE = "create the image"
    COPY_IMAGE = "copy the image"
    CANCEL_REQUEST = "cancel the spot request of the obsolete instance"
    TERMINATE = "terminate the obsolete instance"
    DELETE_IMAGES = "delete the images"


@dataclass(frozen=True)
class Move:
    """Make a call of a move."""

    move_id: str
    call: MoveCall


@dataclass(frozen=True)
class Stop:
    """Call StopInstances.

    :param if_still_idle: read the heartbeat once more, consistently, and cancel the stop if the instance is not idle
    """

    force: bool = False
    if_still_idle: bool = False


@dataclass(frozen=True)
class Terminate:
    """Call TerminateInstances."""


@dataclass(frozen=True)
class CancelSpotRequest:
    """Call CancelSpotInstanceRequests, so that EC2 launches and starts nothing for the request any more.

    It terminates a stopped instance of the request, so it is only made for an instance that ends:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html

    """

    request: SpotRequestKey


Step = (
    ResolveLaunch | Launch | SendDocument | RunHook | Start | ChangeType | Move | Stop | CancelSpotRequest | Terminate
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The result of one decision: first the write, then at most one call.

    :param instance: the record to write; nothing is written if it equals the one that was decided on
    :param reason: why this is done, or why nothing is done
    :param billed_segments: billing periods that end with this write
    :param benchmark: a benchmark result to store in the same write
    :param step: the call, made after the write
    :param autonomous: gpudesk decided it on its own; mode `dry_run` only records it
    :param requeue: reconcile once more at once
    :param step_durations: how long the steps of a document took, for later estimates
    """

    instance: Instance
    reason: EventReason
    timeline: tuple[TimelineEntry, ...] = ()
    billed_segments: tuple[BilledSegment, ...] = ()
    benchmark: Benchmark | None = None
    step: Step | None = None
    autonomous: bool = False
    requeue: bool = False
    step_durations: StepDurations | None = None


def describe_plan(plan: Plan) -> str:
    """Return a plan as text: the reason, the call that it would make, and the timeline entries that it would write."""
    head = f"{plan.instance.name} ({plan.instance.phase}): {plan.reason.message} [{plan.reason.code}]"
    calls = [f"  would call {plan.step}"] if plan.step else []
    entries = [f"  would write {entry.code}: {entry.message}" for entry in plan.timeline]
    return "\n".join([head, *(calls + entries or ["  would update the record"])])

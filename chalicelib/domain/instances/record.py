"""An instance of the desk: what was asked for and what is known of it, as one frozen value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.benchmarks.result import BenchmarkTarget
from chalicelib.domain.common.deadlines import IMAGE_DEADLINE
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.idle.clock_skew import ClockSkew
from chalicelib.domain.idle.heartbeat_response import KeepResult
from chalicelib.domain.instances.billing import Billing
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import DocumentRun, SetupState


class Phase(StrEnum):
    """Where the instance is."""

    REQUESTED = "requested"
    LAUNCHING = "launching"
    BOOTING = "booting"
    SETTING_UP = "setting-up"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    TERMINATING = "terminating"
    TERMINATED = "terminated"
    FAILED = "failed"


class Ec2State(StrEnum):
    """EC2's own words for an instance's state."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The EC2 instance behind a record, as last observed."""

    instance_id: str
    zone: str
    state: Ec2State
    launched_at: datetime


@dataclass(frozen=True, kw_only=True)
class ScheduledEvent:
    """What AWS is going to do to a machine of its own accord.

    :param code: instance-retirement, instance-stop, instance-reboot, system-reboot, system-maintenance
    """

    id: str
    code: str
    not_before: datetime
    description: str


@dataclass(frozen=True, kw_only=True)
class BenchmarkRun:
    """What a ready instance was asked to do once, beside its recipe: to measure what its GPUs can do.

    :param id: never used again; its attempt's
    :param target: what the figures have to be of
    :param run: None until it was sent
    """

    id: str
    document: RecipeDocument
    target: BenchmarkTarget
    requested_by: str
    requested_at: datetime
    run: DocumentRun | None = None


class ClaimAction(StrEnum):
    """What can be claimed."""

    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """From here on it is being done; a keep comes too late.

    :param last_called_at: when AWS was last asked
    :param overdue_notified: the admin has been told that it does not come about
    """

    action: ClaimAction
    claimed_at: datetime
    reason: EventReason
    warning_type: WarningType | None = None
    last_called_at: datetime | None = None
    overdue_notified: bool = False


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """What limits the time that an instance runs.

    :param started_at: the launch or start that `max_hours` counts from
    :param keep_until: end of the keep, if there is one
    :param keep_requested_by: who requested the keep
    """

    started_at: datetime | None = None
    keep_until: datetime | None = None
    keep_requested_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObservedState:
    """What earlier observations of the EC2 instance and of its probe showed.

    :param agent_seen: the SSM agent has answered once, so the disk may hold work of somebody
    :param not_visible_since: since when EC2 does not show the instance
    :param activity_unknown_since: since when its activity is unknown
    :param clock_skew: set while its heartbeat times cannot be trusted
    :param boot_id: the boot that the probe last reported; None until it has reported since the start
    :param scheduled_event: an event that AWS has scheduled for the instance
    """

    agent_seen: bool = False
    not_visible_since: datetime | None = None
    activity_unknown_since: datetime | None = None
    clock_skew: ClockSkew | None = None
    boot_id: str | None = None
    scheduled_event: ScheduledEvent | None = None


@dataclass(frozen=True, kw_only=True)
class ImageInProgress:
    """An image that is being created from the instance."""

    id: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class Instance:
    """The record of one instance. Every change makes a new value; `version` guards the write of the store.

    :param created_by: who requested it; `owner` may be somebody else
    :param ready_since: the idle window does not begin earlier
    :param keep_result: the result of the last keep request from the instance itself
    :param image_in_progress: a termination waits for this image
    :param notified: the reason code last recorded but not acted on (mode `dry_run`, unknown activity)
    :param tagged_id: the tag `gpudesk:id` of an adopted EC2 instance if another record already has that id
    """

    id: str
    name: str
    owner: str
    created_by: str
    created_at: datetime
    spec: Spec
    phase: Phase
    phase_since: datetime
    reason: EventReason
    launch: LaunchState = LaunchState()
    machine: Machine | None = None
    setup: SetupState
    benchmark_run: BenchmarkRun | None = None
    image_in_progress: ImageInProgress | None = None
    warning: StopWarning | None = None
    claim: Claim | None = None
    lifetime: Lifetime = Lifetime()
    ready_since: datetime | None = None
    observed: ObservedState = ObservedState()
    keep_result: KeepResult | None = None
    notified: str | None = None
    billing: Billing = Billing()
    terminated_at: datetime | None = None
    tagged_id: str | None = None
    version: int | None = None

    @property
    def tag_id(self) -> str:
        """What `gpudesk:id` says on its machine."""
        return self.tagged_id or self.id

    @property
    def active_command(self) -> DocumentRun | None:
        """The command whose end is waited for: of its setup, or of its errand."""
        match self.phase:
            case Phase.SETTING_UP:
                return self.setup.current_run
            case Phase.READY:
                return self.benchmark_run.run if self.benchmark_run else None
            case _:
                return None

    def has_image_in_progress(self, now: datetime) -> bool:
        """Whether an image is being made of it; one that does not come about holds nothing up any more."""
        image = self.image_in_progress
        return image is not None and now - image.started_at < IMAGE_DEADLINE

    @property
    def is_active(self) -> bool:
        return self.phase is not Phase.TERMINATED

    @property
    def lifetime_ends_at(self) -> datetime | None:
        """When its lifetime is over, unless a keep moves it."""
        if self.lifetime.started_at is None:
            return None
        end = self.lifetime.started_at + timedelta(hours=self.spec.policy.max_hours)
        return max(end, self.lifetime.keep_until) if self.lifetime.keep_until else end

    def has_keep(self, now: datetime) -> bool:
        return self.lifetime.keep_until is not None and now < self.lifetime.keep_until

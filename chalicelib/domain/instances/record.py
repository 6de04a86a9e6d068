"""An instance of the desk: what was asked for and what is known of it, as one frozen value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.benchmarks.result import BenchmarkTarget
from chalicelib.domain.common.deadlines import IMAGE_DEADLINE
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.idle.clock_skew import ClockSkew
from chalicelib.domain.idle.heartbeat_response import KeepResult
from chalicelib.domain.instances.billing import Meter, Rates
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
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
    kind: WarningType | None = None
    last_called_at: datetime | None = None
    overdue_notified: bool = False


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One machine of the desk. Every change makes a new value; `version` is the store's guard.

    :param created_by: who asked; `owner` may be somebody else
    :param attempt_count: how many attempts to launch were made; the next one's number follows
    :param zones_without_capacity: had no capacity in this round
    :param retry_at: AWS is not asked again before
    :param keep_requested_by: who requested the keep that ends at `keep_until`
    :param lifetime_started_at: the launch or start that `max_hours` counts from
    :param agent_seen: its agent has answered once, so somebody may have left something on its disk
    :param ready_since: the idle window does not begin before
    :param not_visible_since: EC2 has not shown it since then
    :param activity_unknown_since: its activity has been unknown since then
    :param clock_skew: its reports were from the future, and none has proved its own age since
    :param tagged_id: what `gpudesk:id` says of an adopted machine, where another record has that id
    :param boot_id: the boot that its probe last spoke of; None until it has spoken since the start
    :param keep_result: to the last keep that was asked for on the machine itself
    :param scheduled_event: what AWS is going to do to its machine
    :param image_in_progress: the image that is being made of it; a termination waits for that
    :param image_started_at: what waits for the image does not wait for ever
    :param notified: the reason code last recorded but not acted on (mode `dry_run`, long silence)
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
    rates: Rates = Rates()
    meter: Meter = Meter()
    attempt: LaunchAttempt | None = None
    attempt_count: int = 0
    zones_without_capacity: tuple[str, ...] = ()
    retry_at: datetime | None = None
    machine: Machine | None = None
    setup: SetupState
    benchmark_run: BenchmarkRun | None = None
    warning: StopWarning | None = None
    claim: Claim | None = None
    keep_until: datetime | None = None
    keep_requested_by: str | None = None
    lifetime_started_at: datetime | None = None
    agent_seen: bool = False
    ready_since: datetime | None = None
    not_visible_since: datetime | None = None
    activity_unknown_since: datetime | None = None
    clock_skew: ClockSkew | None = None
    boot_id: str | None = None
    keep_result: KeepResult | None = None
    scheduled_event: ScheduledEvent | None = None
    image_in_progress: str | None = None
    image_started_at: datetime | None = None
    notified: str | None = None
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
        since = self.image_started_at
        return self.image_in_progress is not None and since is not None and now - since < IMAGE_DEADLINE

    @property
    def is_active(self) -> bool:
        return self.phase is not Phase.TERMINATED

    @property
    def lifetime_ends_at(self) -> datetime | None:
        """When its lifetime is over, unless a keep moves it."""
        if self.lifetime_started_at is None:
            return None
        end = self.lifetime_started_at + timedelta(hours=self.spec.max_hours)
        return max(end, self.keep_until) if self.keep_until else end

    def has_keep(self, now: datetime) -> bool:
        return self.keep_until is not None and now < self.keep_until

"""An instance of the desk: what was asked for and what is known of it, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.activity.orders import Answer
from chalicelib.domain.activity.policy import IdlePolicy
from chalicelib.domain.baked import Baked
from chalicelib.domain.benchmarks import Subject
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.recipe_parameters import Value
from chalicelib.domain.recipes import DocumentUse
from chalicelib.domain.setup_results import DocumentResult, Failure
from chalicelib.domain.timings import IMAGE_DEADLINE
from chalicelib.domain.warned import Warned, WarningKind


class Desired(StrEnum):
    """What the owner wants the instance to be."""

    RUNNING = "running"
    STOPPED = "stopped"
    TERMINATED = "terminated"


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
class AddedRecipe:
    """A recipe that was asked for once the instance was ready, with its parameters, complete."""

    recipe: str
    parameters: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImageUse:
    """An image of the desk's that a launch comes from, as it was when it was asked for."""

    id: str
    name: str
    ami_id: str


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What was asked for, complete: nothing in it is left to a default that may change later.

    :param image: what it is launched from; None: the type's own public image
    :param nvidia_gpu_count: how many GPUs nvidia-smi must list; 0 on a Radeon and where there is no GPU
    :param instance_store_gb: disks that a stop empties
    :param parameters: of `recipe`, every one of them
    :param image_parameter: the public SSM parameter of the image that the recipe needs; None: the type's own
    :param added: further recipes, in the order in which they were first asked for
    """

    desired: Desired
    instance_type: str
    region: str
    recipe: str
    disk_gib: int
    gpu: str | None = None
    gpu_count: int = 0
    nvidia_gpu_count: int = 0
    instance_store_gb: int = 0
    market: str = "on-demand"
    image: ImageUse | None = None
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    idle_policy: IdlePolicy = IdlePolicy()
    max_hours: int = 12
    parameters: Mapping[str, Value] = field(default_factory=dict)
    image_parameter: str | None = None
    added: tuple[AddedRecipe, ...] = ()

    @property
    def recipes(self) -> tuple[str, ...]:
        """By name: the one that it was launched with, then those that were added."""
        return (self.recipe, *(each.recipe for each in self.added))

    def parameters_of(self, recipe: str) -> Mapping[str, Value]:
        """What was chosen for a recipe; nothing for one that was not asked for."""
        if recipe == self.recipe:
            return self.parameters
        return next((each.parameters for each in self.added if each.recipe == recipe), {})


@dataclass(frozen=True, kw_only=True)
class Rates:
    """US dollars an hour: the instance while it runs, its disk while it exists, its public IPv4 while it runs."""

    instance: Decimal = Decimal(0)
    disk: Decimal = Decimal(0)
    address: Decimal = Decimal(0)


class Metered(StrEnum):
    """What AWS bills for now."""

    NOTHING = "nothing"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Meter:
    """What is being billed since when, and what the time before has cost.

    :param spent: US dollars of all that ended before `since`
    """

    state: Metered = Metered.NOTHING
    since: datetime | None = None
    spent: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to launch: the complete request, stored before it is sent, sent again byte for byte.

    :param token: RunInstances' ClientToken; a hash of record, attempt, region and zone
    :param sent_at: when it was first sent; None while it is only planned
    """

    number: int
    token: str
    region: str
    zone: str
    subnet_id: str
    security_group_id: str
    image_id: str
    root_device: str
    disk_gib: int
    instance_type: str
    instance_profile: str
    public_address: bool
    tags: Mapping[str, str]
    sent_at: datetime | None = None


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
class DocumentRun:
    """A command that was sent, or is about to be.

    :param sent_at: when it was first sent
    :param called_at: when SSM was last asked to take it
    :param attempt_id: goes with the command; a machine that already ran it leaves at once
    :param fingerprint: of what the document was handed
    :param content: SSM's hash of the document
    """

    attempt_id: str
    sent_at: datetime
    called_at: datetime
    command_id: str | None = None
    fingerprint: str | None = None
    content: str | None = None


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How far the recipe has come.

    :param recipe: the recipe that is set up
    :param round: counts the setups of this instance, so that no attempt id is used twice
    :param further: the instance was ready before, so that it still is where this fails
    :param given_up: it failed on an instance that goes on as it was; nothing of it is tried again by itself
    :param index: the document that is next or running
    :param tries: how often that one has failed
    :param retry_at: not before then again
    :param failure: why the document failed last; None once it is done
    :param results: of this setup and of those before it; of each document the last is always among them
    :param baked: what the image brought, and which need not run again
    """

    recipe: str
    round: int = 0
    further: bool = False
    given_up: bool = False
    documents: tuple[DocumentUse, ...] = ()
    baked: tuple[Baked, ...] = ()
    index: int = 0
    tries: int = 0
    run: DocumentRun | None = None
    retry_at: datetime | None = None
    results: tuple[DocumentResult, ...] = ()
    failure: Failure | None = None

    @property
    def is_done(self) -> bool:
        return self.given_up or self.index >= len(self.documents)


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a ready instance was asked to do once, beside its recipe: to measure what its GPUs can do.

    :param id: never used again; its attempt's
    :param subject: what the figures have to be of
    :param run: None until it was sent
    """

    id: str
    document: DocumentUse
    subject: Subject
    asked_by: str
    asked_at: datetime
    run: DocumentRun | None = None


class Action(StrEnum):
    """What can be claimed."""

    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """From here on it is being done; a keep comes too late.

    :param called_at: when AWS was last asked
    :param alarmed: the admin has been told that it does not come about
    """

    action: Action
    at: datetime
    reason: EventReason
    kind: WarningKind | None = None
    called_at: datetime | None = None
    alarmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A report of its machine was from the future: how old its reports are, their times do not say.

    :param report_at: the time in the report that is doubted
    :param plausible_at: when the desk first saw that report, where it was not ahead any more
    """

    report_at: datetime
    plausible_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One machine of the desk. Every change makes a new value; `version` is the store's guard.

    :param created_by: who asked; `owner` may be somebody else
    :param attempts: how many attempts to launch were made; the next one's number follows
    :param refused_zones: had no capacity in this round
    :param retry_at: AWS is not asked again before
    :param keep_requested_by: who requested the keep that ends at `keep_until`
    :param life_began_at: the launch or start that `max_hours` counts from
    :param was_reached: its agent has answered once, so somebody may have left something on its disk
    :param ready_since: the idle window does not begin before
    :param absent_since: EC2 has not shown it since then
    :param silent_since: its activity has been unknown since then
    :param doubt: its reports were from the future, and none has proved its own age since
    :param tagged_as: what `gpudesk:id` says of an adopted machine, where another record has that id
    :param boot_id: the boot that its probe last spoke of; None until it has spoken since the start
    :param answer: to the last keep that was asked for on the machine itself
    :param scheduled: what AWS is going to do to its machine
    :param imaging: the image that is being made of it; a termination waits for that
    :param imaging_since: what waits for the image does not wait for ever
    :param told: the reason code last recorded but not acted on (mode `dry_run`, long silence)
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
    attempt: Attempt | None = None
    attempts: int = 0
    refused_zones: tuple[str, ...] = ()
    retry_at: datetime | None = None
    machine: Machine | None = None
    setup: Setup
    errand: Errand | None = None
    warned: Warned | None = None
    claim: Claim | None = None
    keep_until: datetime | None = None
    keep_requested_by: str | None = None
    life_began_at: datetime | None = None
    was_reached: bool = False
    ready_since: datetime | None = None
    absent_since: datetime | None = None
    silent_since: datetime | None = None
    doubt: Doubt | None = None
    boot_id: str | None = None
    answer: Answer | None = None
    scheduled: ScheduledEvent | None = None
    imaging: str | None = None
    imaging_since: datetime | None = None
    told: str | None = None
    terminated_at: datetime | None = None
    tagged_as: str | None = None
    version: int | None = None

    @property
    def tag_id(self) -> str:
        """What `gpudesk:id` says on its machine."""
        return self.tagged_as or self.id

    @property
    def awaited(self) -> DocumentRun | None:
        """The command whose end is waited for: of its setup, or of its errand."""
        match self.phase:
            case Phase.SETTING_UP:
                return self.setup.run
            case Phase.READY:
                return self.errand.run if self.errand else None
            case _:
                return None

    def is_imaged(self, now: datetime) -> bool:
        """Whether an image is being made of it; one that does not come about holds nothing up any more."""
        since = self.imaging_since
        return self.imaging is not None and since is not None and now - since < IMAGE_DEADLINE

    @property
    def lives(self) -> bool:
        return self.phase is not Phase.TERMINATED

    @property
    def ends_at(self) -> datetime | None:
        """When its lifetime is over, unless a keep moves it."""
        if self.life_began_at is None:
            return None
        end = self.life_began_at + timedelta(hours=self.spec.max_hours)
        return max(end, self.keep_until) if self.keep_until else end

    def is_kept(self, now: datetime) -> bool:
        return self.keep_until is not None and now < self.keep_until

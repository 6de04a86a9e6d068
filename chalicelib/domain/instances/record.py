"""The record of an instance: what was requested and what is known of it, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.benchmarks.result import BenchmarkTarget
from chalicelib.domain.common.deadlines import IMAGE_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.idle.heartbeat_response import KeepResult
from chalicelib.domain.instances.billing import Billing
from chalicelib.domain.instances.claim import Claim
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.move_state import MoveState
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.spec import DesiredState, Spec
from chalicelib.domain.instances.start_state import StartState
from chalicelib.domain.instances.warning import StopWarning
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import DocumentRun, SetupState


class Phase(StrEnum):
    """Phase of an instance in its life, from the request to the end."""

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


LAUNCHING_PHASES = (Phase.REQUESTED, Phase.LAUNCHING)
STOPPED_PHASES = (Phase.STOPPING, Phase.STOPPED)
ENDING_PHASES = (Phase.TERMINATING, Phase.TERMINATED)


@dataclass(frozen=True, kw_only=True)
class BenchmarkRun:
    """A benchmark of the GPUs that was requested on a ready instance.

    :param id: unique; also the attempt id of the document
    :param target: the hardware that the results must be of
    :param run: None until the document is sent
    """

    id: str
    document: RecipeDocument
    target: BenchmarkTarget
    requested_by: str
    requested_at: datetime
    run: DocumentRun | None = None


@dataclass(frozen=True, kw_only=True)
class ImageInProgress:
    """An image that is being created from the instance."""

    id: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class StateRequest:
    """The last request of a person to start, stop or terminate the instance.

    :param actor: who sent it
    """

    state: DesiredState
    actor: str


@dataclass(frozen=True, kw_only=True)
class Instance:
    """The record of one instance. Every change makes a new value; `version` guards the write of the store.

    :param created_by: who requested it; `owner` may be another person
    :param ready_since: the idle window does not begin before
    :param keep_result: result of the last keep request from the instance itself
    :param image_in_progress: a termination waits for this image
    :param notified: when each fact that still holds was last notified or recorded; see `lifecycle/notified_facts.py`
    :param is_adopted_on_request: an admin requested its adoption. gpudesk did not launch it, so it may have no SSM
        agent and no probe
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
    state_request: StateRequest | None = None
    launch: LaunchState = LaunchState()
    start: StartState = StartState()
    move: MoveState | None = None
    ec2_instance: Ec2Instance | None = None
    setup: SetupState
    benchmark_run: BenchmarkRun | None = None
    image_in_progress: ImageInProgress | None = None
    warning: StopWarning | None = None
    claim: Claim | None = None
    lifetime: Lifetime = Lifetime()
    ready_since: datetime | None = None
    observed: ObservedState = ObservedState()
    keep_result: KeepResult | None = None
    notified: Mapping[EventCode, datetime] = field(default_factory=dict)
    billing: Billing = Billing()
    terminated_at: datetime | None = None
    tagged_id: str | None = None
    is_adopted_on_request: bool = False
    version: int | None = None

    @property
    def has_launch_failed(self) -> bool:
        """Return whether the launch failed: there is no EC2 instance behind the record, and never will be.

        After a failed launch at the target of a move, the record takes its former EC2 instance back.
        """
        return self.phase is Phase.FAILED and self.ec2_instance is None and not self.is_launching_for_move

    @property
    def is_disk_moving(self) -> bool:
        """Return whether the disk is copied for a move: the instance is stopped, and is launched elsewhere then."""
        return self.move is not None and self.move.is_copying and self.spec.desired is DesiredState.STOPPED

    @property
    def is_launching_for_move(self) -> bool:
        """Return whether the launch and the setup are those of a move, which ends if they fail."""
        return self.move is not None and self.move.former is not None and self.ready_since is None

    @property
    def has_moved(self) -> bool:
        """Return whether it became ready at the target of its move: people work there, so the move cannot fail."""
        return self.move is not None and self.move.former is not None and self.ready_since is not None

    @property
    def is_termination_requested(self) -> bool:
        """Return whether a person requested the termination. gpudesk itself terminates one whose agent is silent."""
        return self.state_request is not None and self.state_request.state is DesiredState.TERMINATED

    @property
    def tag_id(self) -> str:
        """The value of the tag `gpudesk:id` on its EC2 instance."""
        return self.tagged_id or self.id

    @property
    def held_ec2_ids(self) -> frozenset[str]:
        """The EC2 ids of the record: its instance and those of its move, which may be in another region."""
        move = self.move
        former = move.former.ec2_instance if move and move.former else None
        instances = (self.ec2_instance, former, *(move.obsolete_instances if move else ()))
        return frozenset(each.instance_id for each in instances if each)

    @property
    def active_command(self) -> DocumentRun | None:
        """The command whose end the instance waits for: of its setup, of its benchmark, or of its hook."""
        match self.phase:
            case Phase.SETTING_UP:
                return self.setup.current_run
            case Phase.READY:
                return self.benchmark_run.run if self.benchmark_run else self._interruption_hook_run
            case Phase.STOPPING:
                hook = self.claim.pending_hook if self.claim else None
                return hook.run if hook else None
            case _:
                return None

    @property
    def _interruption_hook_run(self) -> DocumentRun | None:
        """The run of the hook at an interruption by EC2, until its end is recorded."""
        hook = self.observed.interruption.hook if self.observed.interruption else None
        return hook.run if hook and hook.ended_at is None else None

    def has_image_in_progress(self, now: datetime) -> bool:
        """Return whether an image is being created from it. After `IMAGE_DEADLINE` the image delays nothing more."""
        image = self.image_in_progress
        return image is not None and now - image.started_at < IMAGE_DEADLINE

    @property
    def is_active(self) -> bool:
        """Return whether the instance is not terminated."""
        return self.phase is not Phase.TERMINATED

    @property
    def counts_for_limit(self) -> bool:
        """Return whether it counts for `instances_per_owner`: of a launch that failed, nothing exists in AWS."""
        return self.is_active and not self.has_launch_failed

    @property
    def lifetime_ends_at(self) -> datetime | None:
        """The end of its lifetime: `max_hours` after the start, or the end of a later keep. None: it does not run."""
        return self.lifetime.compute_end(self.spec.policy.max_hours)

    @property
    def lifetime_warning_due_at(self) -> datetime | None:
        """The time from which people are warned of the end of its lifetime. None: it does not run."""
        ends_at = self.lifetime_ends_at
        return ends_at - self.spec.policy.idle.warning_period if ends_at else None

    def has_keep(self, now: datetime) -> bool:
        """Return whether a keep of the instance is in force now."""
        return self.lifetime.has_keep(now)

"""Read instances as of now, their timelines and their notifications. Only DynamoDB is called."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.control.services.instances import load_visible
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import SWEEP_OVERDUE_AFTER
from chalicelib.domain.common.pagination import Page
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.settings import Mode, ModeChange
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.idle.rule import ActivityJudgment
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.lifecycle.plans import build_heartbeat_key
from chalicelib.domain.instances.lifecycle.ready import judge_instance
from chalicelib.domain.instances.metering import compute_cost
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.setup_progress import SetupProgress, compute_setup_progress
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.desk import SWEEP_LEASE_NAME
from chalicelib.store.heartbeats import HeartbeatItem
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class LiveState:
    """The state of an instance that only GET shows, in addition to the record. The answer to a write has none of it.

    :param activity: only while the phase is ready
    :param heartbeat: the last one, only while the phase is ready or setting up
    :param setup_progress: only while the phase is setting up
    :param image: the image that is being created from the instance
    """

    activity: ActivityJudgment | None = None
    heartbeat: DecodedHeartbeat = None
    setup_progress: SetupProgress | None = None
    image: Image | None = None


@dataclass(frozen=True)
class InstanceSnapshot:
    """An instance as of now, with its cost in US dollars."""

    instance: Instance
    cost_so_far: Decimal
    live: LiveState


@dataclass(frozen=True)
class Health:
    """When the last sweep completed, and the mode.

    :param last_sweep_at: None: no sweep has completed yet
    :param mode_change: None: no admin has changed the mode yet
    """

    now: datetime
    last_sweep_at: datetime | None
    mode: Mode
    mode_change: ModeChange | None

    @property
    def is_overdue(self) -> bool:
        """Return whether no sweep has completed for too long. Before the first sweep, nothing is overdue."""
        return self.last_sweep_at is not None and self.now - self.last_sweep_at > SWEEP_OVERDUE_AFTER


@dataclass(frozen=True, kw_only=True)
class QueryService:
    """The GET requests about instances and health."""

    stores: Repositories
    clock: Clock
    instance_role_id: str

    def get(self, actor: Actor, ref: str) -> InstanceSnapshot:
        """Return one instance.

        :raises NotFound: it does not exist, or the caller may not see it
        """
        instance = load_visible(self.stores.instances, actor, ref)
        key = self._get_heartbeat_key(instance)
        return self._take_snapshot(instance, self.stores.heartbeats.get(key) if key else None)

    def list_instances(
        self, actor: Actor, *, owner: str | None, limit: int, cursor: str | None
    ) -> Page[InstanceSnapshot]:
        """Return a page of instances, newest first.

        :param owner: only this owner's; None: all that the caller may see
        :raises Forbidden: a user names another owner
        """
        scope = actor.resolve_owner_for_list(owner)
        page = self.stores.instances.list_page(scope, limit=limit, cursor=cursor, now=self.clock.now())
        keys = {instance.id: self._get_heartbeat_key(instance) for instance in page.items}
        heartbeats = (
            self.stores.heartbeats.get_many([key for key in keys.values() if key]) if any(keys.values()) else {}
        )
        snapshots = (self._take_snapshot(instance, heartbeats.get(keys[instance.id] or "")) for instance in page.items)
        return Page(tuple(snapshots), page.next_cursor)

    def list_timeline(self, actor: Actor, ref: str, *, limit: int, cursor: str | None) -> Page[TimelineEntry]:
        """Return a page of the timeline of an instance, oldest entry first.

        :raises NotFound: the instance does not exist, or the caller may not see it
        """
        instance = load_visible(self.stores.instances, actor, ref)
        return self.stores.timelines.list_page(instance.id, limit=limit, cursor=cursor)

    def list_notifications(self, actor: Actor, ref: str, *, limit: int, cursor: str | None) -> Page[Notification]:
        """Return a page of the notifications about an instance, newest first.

        :raises NotFound: the instance does not exist, or the caller may not see it
        """
        instance = load_visible(self.stores.instances, actor, ref)
        return self.stores.notifications.list_for_instance(instance.id, limit=limit, cursor=cursor)

    def get_health(self) -> Health:
        """Return when the last sweep completed, and the mode."""
        settings = self.stores.desk.get_settings()
        last_sweep_at = self.stores.desk.get_last_completed_at(SWEEP_LEASE_NAME)
        return Health(self.clock.now(), last_sweep_at, settings.mode, settings.mode_change)

    def _take_snapshot(self, instance: Instance, heartbeat: HeartbeatItem | None) -> InstanceSnapshot:
        now = self.clock.now()
        report = heartbeat.report if heartbeat else None
        is_ready = instance.phase is Phase.READY and instance.ec2_instance is not None
        is_setting_up = instance.phase is Phase.SETTING_UP
        observation = Observation(ec2=NotVisible(), heartbeat=report)
        live = LiveState(
            activity=judge_instance(instance, observation, now) if is_ready else None,
            heartbeat=report if is_ready or is_setting_up else None,
            setup_progress=self._compute_setup_progress(instance, report) if is_setting_up else None,
            image=self.stores.images.find(instance.image_in_progress.id) if instance.image_in_progress else None,
        )
        return InstanceSnapshot(instance, compute_cost(instance, now), live)

    def _compute_setup_progress(self, instance: Instance, report: DecodedHeartbeat) -> SetupProgress | None:
        remaining = [document.name for document in instance.setup.documents[instance.setup.document_index :]]
        durations = self.stores.durations.get(instance.spec.hardware.instance_type, remaining)
        return compute_setup_progress(instance, report, durations, self.clock.now(), self.clock.scale_script_timeout)

    def _get_heartbeat_key(self, instance: Instance) -> str | None:
        machine = instance.ec2_instance
        return build_heartbeat_key(self.instance_role_id, machine.instance_id) if machine else None

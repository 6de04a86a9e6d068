"""What is shown: instances as of now, their timelines, what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from chalicelib.control.loop.sweep import SWEEP_LEASE_NAME
from chalicelib.control.services.instances import load_visible
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import SWEEP_OVERDUE_AFTER
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.pagination import Page
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.costs.daily_costs import DayCost, sum_costs_per_day
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.idle.rule import ActivityJudgment
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.lifecycle.plans import build_heartbeat_key
from chalicelib.domain.instances.lifecycle.ready import judge_instance
from chalicelib.domain.instances.metering import compute_cost, get_open_segment
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.setup_progress import SetupProgress, compute_setup_progress
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.desk import DeskRepository
from chalicelib.store.durations import DurationRepository
from chalicelib.store.heartbeats import HeartbeatItem, HeartbeatRepository
from chalicelib.store.images.repository import ImageRepository
from chalicelib.store.instances.repository import InstanceRepository, UnreadableRecord
from chalicelib.store.ledger import LedgerRepository
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.timeline import TimelineRepository

MAX_COST_DAYS = 366


@dataclass(frozen=True)
class InstanceSnapshot:
    """An instance as of now; `activity` only while it can be judged, `setup_progress` only while it is being set up.

    :param image: the one that is being made of it; None where there is none, or where it was not looked at
    """

    instance: Instance
    activity: ActivityJudgment | None
    cost_so_far: Decimal
    heartbeat: DecodedHeartbeat = None
    setup_progress: SetupProgress | None = None
    image: Image | None = None


@dataclass(frozen=True)
class Health:
    """Whether the desk is alive."""

    now: datetime
    last_sweep_at: datetime | None

    @property
    def is_overdue(self) -> bool:
        """Whether a sweep has not come to its end for too long; a desk that never swept is a young one."""
        return self.last_sweep_at is not None and self.now - self.last_sweep_at > SWEEP_OVERDUE_AFTER


@dataclass(frozen=True, kw_only=True)
class QueryService:
    """Reads DynamoDB alone; what changes with time is computed as of now."""

    instances: InstanceRepository
    images: ImageRepository
    heartbeats: HeartbeatRepository
    timelines: TimelineRepository
    notices: NotificationOutbox
    ledger: LedgerRepository
    desk: DeskRepository
    durations: DurationRepository
    clock: Clock
    instance_role_id: str

    def get(self, actor: Actor, ref: str) -> InstanceSnapshot:
        instance = load_visible(self.instances, actor, ref)
        key = self._heartbeat_key(instance)
        return self._shown(instance, {key: self.heartbeats.get(key)} if key else {})

    def list_instances(
        self, actor: Actor, *, owner: str | None, limit: int, cursor: str | None
    ) -> Page[InstanceSnapshot]:
        """Newest first; an admin's are everybody's, or one owner's."""
        whose = actor.list_scope(owner)
        page = self.instances.page(whose, limit=limit, cursor=cursor, now=self.clock.now())
        keys = [key for key in map(self._heartbeat_key, page.items) if key]
        heartbeats = self.heartbeats.get_many(keys) if keys else {}
        return Page(tuple(self._shown(instance, heartbeats) for instance in page.items), page.next_cursor)

    def timeline(self, actor: Actor, ref: str, *, limit: int, cursor: str | None) -> Page[TimelineEntry]:
        """Oldest first."""
        instance = load_visible(self.instances, actor, ref)
        return self.timelines.page(instance.id, limit=limit, cursor=cursor)

    def list_notifications(self, actor: Actor, ref: str, *, limit: int, cursor: str | None) -> Page[Notification]:
        """What its owner and the admins were told of it, newest first, with every try."""
        instance = load_visible(self.instances, actor, ref)
        return self.notices.list_for_instance(instance.id, limit=limit, cursor=cursor)

    def costs(self, actor: Actor, *, owner: str | None, since: date, until: date) -> list[DayCost]:
        """Per owner and UTC day, what runs now included; both days too."""
        if since > until or (until - since).days > MAX_COST_DAYS:
            right = f"must not be before since, nor more than {MAX_COST_DAYS} days after it"
            raise ValidationFailed(f"until {right}", errors=(FieldError("until", right),))
        now = self.clock.now()
        whose = actor.list_scope(owner)
        closed = self.ledger.list_segments(since, now.date(), whose)
        living = (record for record in self.instances.list_active() if not isinstance(record, UnreadableRecord))
        running = (get_open_segment(instance, now) for instance in living if whose in (None, instance.owner))
        return sum_costs_per_day([*closed, *(segment for segment in running if segment)], since, until)

    def health(self) -> Health:
        return Health(self.clock.now(), self.desk.last_completed_at(SWEEP_LEASE_NAME))

    def _shown(self, instance: Instance, heartbeats: Mapping[str, HeartbeatItem | None]) -> InstanceSnapshot:
        shown = self._as_of_now(instance, heartbeats)
        return (
            replace(shown, image=self.images.find(instance.image_in_progress.id))
            if instance.image_in_progress
            else shown
        )

    def _as_of_now(self, instance: Instance, heartbeats: Mapping[str, HeartbeatItem | None]) -> InstanceSnapshot:
        now = self.clock.now()
        key = self._heartbeat_key(instance)
        heartbeat = heartbeats.get(key) if key else None
        report = heartbeat.report if heartbeat else None
        if instance.phase is Phase.SETTING_UP:
            left = [document.name for document in instance.setup.documents[instance.setup.document_index :]]
            before = self.durations.get(instance.spec.hardware.instance_type, left)
            going = compute_setup_progress(instance, report, before, now, self.clock.scale_script_timeout)
            return InstanceSnapshot(instance, None, compute_cost(instance, now), report, going)
        if key is None or instance.phase is not Phase.READY:
            return InstanceSnapshot(instance, None, compute_cost(instance, now))
        judgement = judge_instance(instance, Observation(ec2=NotVisible(), heartbeat=report), now)
        return InstanceSnapshot(instance, judgement, compute_cost(instance, now), report)

    def _heartbeat_key(self, instance: Instance) -> str | None:
        machine = instance.machine
        return build_heartbeat_key(self.instance_role_id, machine.instance_id) if machine else None

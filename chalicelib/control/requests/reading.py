"""What is shown: instances as of now, their timelines, what they cost."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from chalicelib.control.requests.finding import Finder
from chalicelib.control.sweep import LEASE
from chalicelib.domain.activity.heartbeat import Report
from chalicelib.domain.activity.idle import Judgement
from chalicelib.domain.actors import Actor
from chalicelib.domain.clock import Clock
from chalicelib.domain.cost import DayCost, cost_so_far, open_segment, per_day
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.images import Image
from chalicelib.domain.instance import Instance, Phase
from chalicelib.domain.lifecycle.ready import activity
from chalicelib.domain.lifecycle.rules import heartbeat_key
from chalicelib.domain.notices import Notice
from chalicelib.domain.observation import Absent, Observation
from chalicelib.domain.plan import Entry
from chalicelib.domain.setup_progress import SetupNow, setup_now
from chalicelib.domain.timings import SWEEP_OLD
from chalicelib.store.cursors import BadCursor
from chalicelib.store.desk import DeskStore
from chalicelib.store.durations import DurationStore
from chalicelib.store.heartbeats import Beat, Heartbeats
from chalicelib.store.images import Images
from chalicelib.store.instances import Broken, Instances
from chalicelib.store.ledger import Ledger
from chalicelib.store.notices import Notices
from chalicelib.store.timeline import Timeline

LONGEST_COST_DAYS = 366


@dataclass(frozen=True)
class Shown:
    """An instance as of now; `activity` only while it can be judged, `setup_now` only while it is being set up.

    :param image: the one that is being made of it; None where there is none, or where it was not looked at
    """

    instance: Instance
    activity: Judgement | None
    cost_so_far: Decimal
    report: Report = None
    setup_now: SetupNow | None = None
    image: Image | None = None


@dataclass(frozen=True)
class Health:
    """Whether the desk is alive."""

    now: datetime
    last_sweep_at: datetime | None

    @property
    def is_overdue(self) -> bool:
        """Whether a sweep has not come to its end for too long; a desk that never swept is a young one."""
        return self.last_sweep_at is not None and self.now - self.last_sweep_at > SWEEP_OLD


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Reads DynamoDB alone; what changes with time is computed as of now."""

    instances: Instances
    finder: Finder
    images: Images
    heartbeats: Heartbeats
    timelines: Timeline
    notices: Notices
    ledger: Ledger
    desk: DeskStore
    durations: DurationStore
    clock: Clock
    instance_role_id: str

    def show(self, actor: Actor, ref: str) -> Shown:
        instance = self.finder.find(actor, ref)
        key = self._heartbeat_key(instance)
        return self._shown(instance, {key: self.heartbeats.read(key)} if key else {})

    def list_instances(
        self, actor: Actor, *, owner: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Shown], str | None]:
        """Newest first; an admin's are everybody's, or one owner's."""
        whose = actor.scope(owner)
        with own_cursor():
            page = self.instances.page(whose, limit=limit, cursor=cursor, now=self.clock.now())
        keys = [key for key in map(self._heartbeat_key, page.items) if key]
        beats = self.heartbeats.read_many(keys) if keys else {}
        return [self._shown(instance, beats) for instance in page.items], page.next_cursor

    def timeline(self, actor: Actor, ref: str, *, limit: int, cursor: str | None) -> tuple[list[Entry], str | None]:
        """Oldest first."""
        instance = self.finder.find(actor, ref)
        with own_cursor():
            page = self.timelines.page(instance.id, limit=limit, cursor=cursor)
        return [*page.items], page.next_cursor

    def notices_of(self, actor: Actor, ref: str, *, limit: int, cursor: str | None) -> tuple[list[Notice], str | None]:
        """What its owner and the admins were told of it, newest first, with every try."""
        instance = self.finder.find(actor, ref)
        with own_cursor():
            page = self.notices.of_instance(instance.id, limit=limit, cursor=cursor)
        return [*page.items], page.next_cursor

    def costs(self, actor: Actor, *, owner: str | None, since: date, until: date) -> list[DayCost]:
        """Per owner and UTC day, what runs now included; both days too."""
        if since > until or (until - since).days > LONGEST_COST_DAYS:
            right = f"must not be before since, nor more than {LONGEST_COST_DAYS} days after it"
            raise Invalid(f"until {right}", errors=(FieldError("until", right),))
        now = self.clock.now()
        whose = actor.scope(owner)
        closed = self.ledger.segments(since, now.date(), whose)
        living = (record for record in self.instances.living() if not isinstance(record, Broken))
        running = (open_segment(instance, now) for instance in living if whose in (None, instance.owner))
        return per_day([*closed, *(segment for segment in running if segment)], since, until)

    def health(self) -> Health:
        return Health(self.clock.now(), self.desk.last_done(LEASE))

    def _shown(self, instance: Instance, heartbeats: Mapping[str, Beat | None]) -> Shown:
        shown = self._as_of_now(instance, heartbeats)
        return replace(shown, image=self.images.find(instance.imaging)) if instance.imaging else shown

    def _as_of_now(self, instance: Instance, heartbeats: Mapping[str, Beat | None]) -> Shown:
        now = self.clock.now()
        key = self._heartbeat_key(instance)
        beat = heartbeats.get(key) if key else None
        report = beat.report if beat else None
        if instance.phase is Phase.SETTING_UP:
            left = [each.name for each in instance.setup.documents[instance.setup.index :]]
            before = self.durations.of(instance.spec.instance_type, left)
            going = setup_now(instance, report, before, now, self.clock.script_time)
            return Shown(instance, None, cost_so_far(instance, now), report, going)
        if key is None or instance.phase is not Phase.READY:
            return Shown(instance, None, cost_so_far(instance, now))
        judgement = activity(instance, Observation(ec2=Absent(), heartbeat=report), now)
        return Shown(instance, judgement, cost_so_far(instance, now), report)

    def _heartbeat_key(self, instance: Instance) -> str | None:
        machine = instance.machine
        return heartbeat_key(self.instance_role_id, machine.instance_id) if machine else None


@contextmanager
def own_cursor() -> Iterator[None]:
    """:raises Invalid: inside, a cursor was given that is none of the list's"""
    try:
        yield
    except BadCursor as error:
        wrong = FieldError("cursor", "must be the next_cursor of an earlier answer to the same list")
        raise Invalid("the cursor is not one of this list", errors=(wrong,)) from error

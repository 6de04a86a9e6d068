"""Do the work of one sweep, part by part, while there is time.

`domain/instances/sweep_order.py` decides the order. What is left over goes first in the next sweep.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.instance_index import InstanceIndex, select_observed
from chalicelib.control.loop.observe_instance import RegionSnapshot
from chalicelib.control.loop.read_region import group_by_region, read_region
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.spot_request_sweep import SpotRequestSweep
from chalicelib.control.loop.unreadable_records import report_unreadable_record
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.instances.observation import Observation, Unavailable
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.sweep_order import LeftOver, Priority, arrange, build_place, find_priority
from chalicelib.store.conflicts import VersionConflict
from chalicelib.store.instances.repository import UnreadableRecord
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass
class SweepReport:
    """Counts and ids of one sweep, for the log and for tests.

    :ivar failed: the ids of the records that could not be read or reconciled
    :ivar left_over: how much work the next sweep does first
    :ivar is_skipped: another sweep was running
    """

    examined: int = 0
    failed: list[str] = field(default_factory=list)
    unavailable_regions: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    left_over: int = 0
    is_skipped: bool = False


@dataclass(frozen=True)
class Work:
    """One part of a sweep.

    :param place: its place in the circle
    :param run: returns whether it was done; False: there was no time left to act on what was observed
    """

    place: str
    run: Callable[[], bool]


@dataclass
class SweepRun:
    """The work of one sweep, and its report."""

    stores: Repositories
    reconciler: Reconciler
    adopter: OrphanAdopter
    images: ImageReconciler
    budget: TimeBudget
    report: SweepReport = field(default_factory=SweepReport)

    def __post_init__(self) -> None:
        """Read what all decisions of this sweep depend on."""
        self.context = self.reconciler.load_context()
        self.readable: list[Instance] = []

    def run(self, before: LeftOver) -> tuple[LeftOver, bool]:
        """Do as much work as the time allows.

        :returns: what is left over, and whether this sweep is complete: nothing is left over from the one before, and
            each region has responded
        """
        work, unread_regions = self._read_regions(before)
        work += [self._plan_image(image_id) for image_id in self._list_images()]
        ordered, left_before = arrange(work, before.place)
        done_count = self._work_off(ordered)
        # A part that takes the time of a whole sweep must not be the first one in every sweep.
        rest = ordered[max(done_count, 1) :]
        self.report.left_over = len(rest)
        if rest or unread_regions:
            LOG.warning(
                "no time for %d of %d parts of the sweep and for the regions %s; the next sweep begins with them",
                len(rest),
                len(ordered),
                unread_regions,
            )
        is_everything_read = not unread_regions and not self.report.unavailable_regions
        is_complete = is_everything_read and done_count >= (len(ordered) if before.place is None else left_before)
        silent = {*self.report.unavailable_regions, *set(before.silent_regions).intersection(unread_regions)}
        left_over = LeftOver(
            place=rest[0].place if rest else None,
            regions=tuple(unread_regions),
            silent_regions=tuple(sorted(silent)),
        )
        return left_over, is_complete

    def _work_off(self, parts: list[Work]) -> int:
        """Do one part after another while there is time, and return how many are done."""
        for done_count, part in enumerate(parts):
            if self.budget.is_spent or not part.run():
                return done_count
        return len(parts)

    def _read_regions(self, before: LeftOver) -> tuple[list[Work], list[str]]:
        """Read what EC2 and SSM show in each region, in at most half of the time: the other half is for the work.

        :param before: what the sweep before had no time for
        :returns: the work in these regions, and the regions for which there was no time
        """
        records, now = list(self.stores.instances.list_active()), self.reconciler.clock.now()
        for record in records:
            if isinstance(record, UnreadableRecord):
                report_unreadable_record(record, self.stores.notifications, self.context.directory, now)
                self.report.failed.append(record.id)
        self.readable = [record for record in records if isinstance(record, Instance)]
        by_region = group_by_region(records, self.reconciler.settings.deployed_regions)
        work: list[Work] = []
        unread_regions = []
        for region in before.order_regions(by_region):
            if self.budget.is_half_spent:
                unread_regions.append(region)
                continue
            try:
                work += self._plan_region(region, by_region[region])
            except Exception:
                LOG.exception("region %s could not be swept; the next sweep tries again", region)
                self.report.unavailable_regions.append(region)
        return work, unread_regions

    def _plan_region(self, region: str, instances: list[Instance]) -> Iterator[Work]:
        snapshot = read_region(self.reconciler.observer, self.stores.heartbeats, region, instances)
        observed = snapshot.instances
        if isinstance(observed, Unavailable):
            LOG.error("region %s %s: %s", region, observed.present, observed.error)
            self.report.unavailable_regions.append(region)
        else:
            place = build_place(Priority.ORPHANS, region)
            yield Work(place, partial(self._handle_orphans, region, instances, observed))
        for instance in instances:
            priority = find_priority(instance, select_observed(instance, observed))
            place = build_place(priority, instance.created_at.isoformat(), instance.id)
            yield Work(place, partial(self._reconcile, instance, snapshot))

    def _reconcile(self, instance: Instance, snapshot: RegionSnapshot) -> bool:
        """Reconcile one instance. An error does not affect the others.

        :returns: False if observing it has used up the time, so that the next sweep observes it again
        """
        self.report.examined += 1
        try:
            observation = self.reconciler.observer.observe_from(instance, snapshot)
            if self.budget.is_spent:
                return False
            if self.reconciler.run_once(instance, observation, self.context):
                observe = partial(self._observe_again, snapshot, instance.spec.region)
                self.reconciler.repeat(instance.id, self.context, observe, self._has_time)
        except VersionConflict as conflict:
            LOG.info("%s; left to the next sweep", conflict)
        except Exception:
            LOG.exception("%s (%s) could not be reconciled; the next sweep tries again", instance.name, instance.id)
            self.report.failed.append(instance.id)
        return True

    def _has_time(self) -> bool:
        return not self.budget.is_spent

    def _observe_again(self, snapshot: RegionSnapshot, region: str, instance: Instance) -> Observation:
        """Observe an instance after a change. For a launch without an EC2 instance nothing can have appeared.

        :param region: that of the snapshot; a launch may have gone on in another one
        """
        observer = self.reconciler.observer
        is_new = instance.ec2_instance is not None or instance.spec.region != region
        return observer.observe(instance) if is_new else observer.observe_from(instance, snapshot)

    def _handle_orphans(self, region: str, instances: list[Instance], observed: InstanceIndex) -> bool:
        """Adopt the orphans of a region, and end its spot requests without an instance."""
        if not self._adopt_orphans(observed):
            return False
        SpotRequestSweep(self.reconciler).run(region, observed, instances, self.context)
        return True

    def _adopt_orphans(self, observed: InstanceIndex) -> bool:
        """Adopt the orphans of a region, while there is time."""
        for instance_id in self.adopter.adopt_all(observed, self.readable, self.context, self.reconciler.clock.now()):
            self.report.adopted.append(instance_id)
            if self.budget.is_spent:
                return False
        return True

    def _list_images(self) -> list[str]:
        """Return the ids of the images to reconcile. An error does not affect the sweep of the instances."""
        try:
            return self.images.list_pending(self.context.desk.mode)
        except Exception:
            LOG.exception("images could not be read; the next sweep tries again")
            return []

    def _plan_image(self, image_id: str) -> Work:
        return Work(build_place(Priority.IMAGES, image_id), partial(self.images.reconcile, image_id, self._has_time))

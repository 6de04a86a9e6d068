"""Do the work of one sweep, part by part, while there is time.

`domain/instances/sweep_order.py` decides the order. What is left over goes first in the next sweep.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.quota_source import QuotasByLaunch
from chalicelib.control.loop.read_region import group_by_region
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.region_sweep import RegionSweep
from chalicelib.control.loop.sweep_report import SweepReport
from chalicelib.control.loop.sweep_work import Work
from chalicelib.control.loop.unreadable_records import report_unreadable_record
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.sweep_order import LeftOver, Priority, arrange, build_place
from chalicelib.store.instances.repository import UnreadableRecord
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


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
        self.regions = RegionSweep(self.reconciler, self.adopter, self.context, self.budget, self.report)

    def run(self, before: LeftOver) -> tuple[LeftOver, bool]:
        """Do as much work as the time allows.

        :returns: what is left over, and whether this sweep is complete: nothing is left over from the one before, and
            each region has responded
        """
        records = list(self.stores.instances.list_active())
        work, unread_regions = self._read_regions(records, before)
        work += [self._plan_image(image_id) for image_id in self._list_images(records)]
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

    def _read_regions(
        self, records: Sequence[Instance | UnreadableRecord], before: LeftOver
    ) -> tuple[list[Work], list[str]]:
        """Read what EC2 and SSM show in each region, in at most half of the time: the other half is for the work.

        :param records: of all instances that are not terminated
        :param before: what the sweep before had no time for
        :returns: the work in these regions, and the regions for which there was no time
        """
        now = self.reconciler.clock.now()
        for record in records:
            if isinstance(record, UnreadableRecord):
                report_unreadable_record(record, self.stores.notifications, self.context.directory, now)
                self.report.failed.append(record.id)
        readable = [record for record in records if isinstance(record, Instance)]
        by_region = group_by_region(records, self.reconciler.settings.deployed_regions)
        quotas = self._observe_quotas(readable)
        work: list[Work] = []
        unread_regions = []
        for region in before.order_regions(by_region):
            if self.budget.is_half_spent:
                unread_regions.append(region)
                continue
            try:
                work += self.regions.plan_region(region, by_region[region], readable, quotas)
            except Exception:
                LOG.exception("region %s could not be swept; the next sweep tries again", region)
                self.report.unavailable_regions.append(region)
        return work, unread_regions

    def _list_images(self, records: Sequence[Instance | UnreadableRecord]) -> list[str]:
        """Return the ids of the images to reconcile. An error does not affect the sweep of the instances."""
        try:
            readable = [record for record in records if isinstance(record, Instance)]
            return self.images.list_pending(self.context.desk.mode, readable)
        except Exception:
            LOG.exception("images could not be read; the next sweep tries again")
            return []

    def _plan_image(self, image_id: str) -> Work:
        reconcile = partial(self.images.reconcile, image_id, self.budget.has_time)
        return Work(build_place(Priority.IMAGES, image_id), reconcile)

    def _observe_quotas(self, records: Sequence[Instance]) -> QuotasByLaunch:
        """Return the quotas that launches may wait for. After an error none is known: whoever waits goes on waiting."""
        try:
            return self.reconciler.observer.quotas.observe(records)
        except Exception:
            LOG.exception("the quotas of waiting launches could not be read; the next sweep tries again")
            return {}

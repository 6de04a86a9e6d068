"""Sweep the instances, orphans and spot requests of a region. An error of one does not affect the others."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.instance_index import InstanceIndex, select_observed
from chalicelib.control.loop.observe_instance import RegionSnapshot
from chalicelib.control.loop.quota_source import QuotasByLaunch
from chalicelib.control.loop.read_region import read_region
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.spot_request_sweep import SpotRequestSweep
from chalicelib.control.loop.sweep_report import SweepReport
from chalicelib.control.loop.sweep_work import Work
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation, Unavailable
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.sweep_order import Priority, build_place, find_priority
from chalicelib.store.conflicts import VersionConflict

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegionSweep:
    """The work of one sweep in each region. The sweep adds that of the images."""

    reconciler: Reconciler
    adopter: OrphanAdopter
    context: DecisionContext
    budget: TimeBudget
    report: SweepReport

    def plan_region(
        self, region: str, instances: Sequence[Instance], records: Sequence[Instance], quotas: QuotasByLaunch
    ) -> Iterator[Work]:
        """Read what AWS shows in a region, and yield the work in it.

        :param instances: the records of the region
        :param records: the records of all regions
        :param quotas: those that launches of all regions may wait for
        """
        reconciler = self.reconciler
        snapshot = read_region(reconciler.observer, reconciler.stores.heartbeats, region, instances, quotas)
        observed = snapshot.instances
        if isinstance(observed, Unavailable):
            LOG.error("region %s %s: %s", region, observed.present, observed.error)
            self.report.unavailable_regions.append(region)
        else:
            place = build_place(Priority.ORPHANS, region)
            yield Work(place, partial(self._handle_orphans, region, observed, instances, records))
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
                self.reconciler.repeat(instance.id, self.context, observe, self.budget.has_time)
        except VersionConflict as conflict:
            LOG.info("%s; left to the next sweep", conflict)
        except Exception:
            LOG.exception("%s (%s) could not be reconciled; the next sweep tries again", instance.name, instance.id)
            self.report.failed.append(instance.id)
        return True

    def _observe_again(self, snapshot: RegionSnapshot, region: str, instance: Instance) -> Observation:
        """Observe an instance after a change. For a launch without an EC2 instance nothing can have appeared.

        :param region: that of the snapshot; a launch may have gone on in another one
        """
        observer = self.reconciler.observer
        is_new = instance.ec2_instance is not None or instance.spec.region != region
        return observer.observe(instance) if is_new else observer.observe_from(instance, snapshot)

    def _handle_orphans(
        self, region: str, observed: InstanceIndex, instances: Sequence[Instance], records: Sequence[Instance]
    ) -> bool:
        """Adopt the orphans of a region, and end its spot requests without an instance."""
        if not self._adopt_orphans(observed, records):
            return False
        SpotRequestSweep(self.reconciler).run(region, observed, instances, self.context)
        return True

    def _adopt_orphans(self, observed: InstanceIndex, records: Sequence[Instance]) -> bool:
        """Adopt the orphans of a region, while there is time."""
        for instance_id in self.adopter.adopt_all(observed, records, self.context, self.reconciler.clock.now()):
            self.report.adopted.append(instance_id)
            if self.budget.is_spent:
                return False
        return True

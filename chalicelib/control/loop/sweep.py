"""The scheduled pass over everything. It finds whatever events lost, and what nobody told us of."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.images import ImageReconciler
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.observe import (
    EventsByEc2Id,
    ObservedAgents,
    ObservedInstances,
    Observer,
    expects_heartbeat,
    needs_agent,
    select_observed,
)
from chalicelib.control.loop.reconcile import Reconciler
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import SWEEP_LEASE_DURATION
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Unavailable
from chalicelib.domain.instances.record import Instance
from chalicelib.store.desk import DeskRepository
from chalicelib.store.dynamo import VersionConflict
from chalicelib.store.heartbeats import HeartbeatItem, HeartbeatRepository
from chalicelib.store.instances.repository import InstanceRepository, UnreadableRecord

LOG = logging.getLogger(__name__)
SWEEP_LEASE_NAME = "sweep"
"""Its mark tells when a sweep last came to its end."""


@dataclass
class SweepReport:
    """What a sweep came across, for the log and for tests."""

    examined: int = 0
    unreadable: list[str] = field(default_factory=list)
    unavailable_regions: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    delivered: int = 0
    skipped: bool = False


@dataclass(frozen=True)
class RegionSnapshot:
    """What was read of a region, once for all of its instances."""

    instances: ObservedInstances
    agents: ObservedAgents
    heartbeats: Mapping[str, HeartbeatItem]
    events: EventsByEc2Id


@dataclass(frozen=True)
class Sweep:
    """One pass. Nothing in it is per instance but what an instance needs done."""

    instances: InstanceRepository
    heartbeats: HeartbeatRepository
    desk: DeskRepository
    observer: Observer
    reconciler: Reconciler
    adopter: OrphanAdopter
    notifications: NotificationSender
    images: ImageReconciler
    clock: Clock
    home_region: str

    def run(self) -> SweepReport:
        """One sweep at a time; one that finds another under way leaves it to that one."""
        holder = uuid.uuid4().hex
        if not self.desk.acquire_lease(SWEEP_LEASE_NAME, holder, now=self.clock.now(), life=SWEEP_LEASE_DURATION):
            LOG.info("another sweep is under way")
            return SweepReport(skipped=True)
        is_done = False
        try:
            rules = self.reconciler.context()
            report = self._run(rules)
            is_done = True
        finally:
            give_back = self.desk.complete_lease if is_done else self.desk.release_lease
            give_back(SWEEP_LEASE_NAME, holder, now=self.clock.now())
        report.delivered = self._deliver(rules)
        return report

    def _run(self, rules: DecisionContext) -> SweepReport:
        report = SweepReport()
        by_region: dict[str, list[Instance]] = defaultdict(list)
        for record in self.instances.list_active():
            if isinstance(record, UnreadableRecord):
                LOG.error("record %s cannot be read: %s", record.id, record.error)
                report.unreadable.append(record.id)
            else:
                by_region[record.spec.region].append(record)
        self._regions(by_region, rules, report)
        self._images()
        return report

    def _images(self) -> None:
        """Whatever is wrong with the images, the instances have been looked at."""
        try:
            self.images.run()
        except Exception:
            LOG.exception("the images could not be looked at; they are at the next sweep")

    def _deliver(self, rules: DecisionContext) -> int:
        """Whatever is wrong with the post, and however long it takes, the sweep has been made and marked."""
        try:
            return self.notifications.send_due(rules.directory)
        except Exception:
            LOG.exception("the post could not be delivered; it is tried again at the next sweep")
            return 0

    def _regions(self, by_region: Mapping[str, list[Instance]], rules: DecisionContext, report: SweepReport) -> None:
        for region in sorted({*by_region, self.home_region}):
            try:
                self._region(region, by_region.get(region, []), rules, report)
            except Exception:
                LOG.exception("region %s could not be looked at; the others go on", region)
                report.unavailable_regions.append(region)

    def _region(self, region: str, instances: list[Instance], rules: DecisionContext, report: SweepReport) -> None:
        views = self.observer.list_instances(region)
        if isinstance(views, Unavailable):
            LOG.error("region %s does not answer: %s", region, views.error)
            report.unavailable_regions.append(region)
        agents = self.observer.list_agents(region, [i for i in instances if needs_agent(i, select_observed(i, views))])
        heartbeats, events = self._heartbeats(instances), self._events(region, instances)
        for instance in instances:
            report.examined += 1
            try:
                self._look(instance, RegionSnapshot(views, agents, heartbeats, events), rules)
            except VersionConflict as stale:
                LOG.info("%s; left to the next look", stale)
            except Exception:
                LOG.exception("%s (%s) could not be looked at; the others go on", instance.name, instance.id)
                report.unreadable.append(instance.id)
        if not isinstance(views, Unavailable):
            known = {instance.machine.instance_id for instance in instances if instance.machine}
            report.adopted += self.adopter.adopt_all(views, known, rules, self.clock.now())

    def _look(self, instance: Instance, all_seen: RegionSnapshot, rules: DecisionContext) -> None:
        heartbeat = all_seen.heartbeats.get(self.observer.heartbeat_key(instance) or "")
        observation = self.observer.observe_from(
            instance, all_seen.instances, all_seen.agents, heartbeat, all_seen.events
        )
        if self.reconciler.run_once(instance, observation, rules):
            self.reconciler.reconcile(instance.id)

    def _events(self, region: str, instances: Sequence[Instance]) -> EventsByEc2Id:
        """Asked for only where there is a machine that they could be about."""
        return self.observer.list_scheduled_events(region) if any(instance.machine for instance in instances) else {}

    def _heartbeats(self, instances: Iterable[Instance]) -> Mapping[str, HeartbeatItem]:
        keys = [self.observer.heartbeat_key(instance) for instance in instances if expects_heartbeat(instance)]
        return self.heartbeats.get_many({key for key in keys if key})

"""The scheduled pass over everything. It finds whatever events lost, and what nobody told us of."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.control.deliver import Postman
from chalicelib.control.gallery import Gallery
from chalicelib.control.observe import Agents, Events, Observer, Views, found, needs_agent, reports
from chalicelib.control.orphans import Orphanage
from chalicelib.control.reconcile import Reconciler
from chalicelib.domain.clock import Clock
from chalicelib.domain.instance import Instance
from chalicelib.domain.lifecycle import Rules
from chalicelib.domain.observation import Unobserved
from chalicelib.domain.timings import SWEEP_LEASE
from chalicelib.store.desk import DeskStore
from chalicelib.store.heartbeats import Beat, Heartbeats
from chalicelib.store.instances import Broken, Instances
from chalicelib.store.transactions import Stale

LOG = logging.getLogger(__name__)
LEASE = "sweep"
"""Its mark tells when a sweep last came to its end."""


@dataclass
class SweepReport:
    """What a sweep came across, for the log and for tests."""

    looked_at: int = 0
    broken: list[str] = field(default_factory=list)
    unobserved_regions: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    delivered: int = 0
    skipped: bool = False


@dataclass(frozen=True)
class Seen:
    """What was read of a region, once for all of its instances."""

    views: Views
    agents: Agents
    beats: Mapping[str, Beat]
    events: Events


@dataclass(frozen=True)
class Sweep:
    """One pass. Nothing in it is per instance but what an instance needs done."""

    instances: Instances
    heartbeats: Heartbeats
    desk: DeskStore
    observer: Observer
    reconciler: Reconciler
    orphanage: Orphanage
    postman: Postman
    gallery: Gallery
    clock: Clock
    home_region: str

    def run(self) -> SweepReport:
        """One sweep at a time; one that finds another under way leaves it to that one."""
        holder = uuid.uuid4().hex
        if not self.desk.take_lease(LEASE, holder, now=self.clock.now(), life=SWEEP_LEASE):
            LOG.info("another sweep is under way")
            return SweepReport(skipped=True)
        is_done = False
        try:
            rules = self.reconciler.rules()
            report = self._run(rules)
            is_done = True
        finally:
            give_back = self.desk.finish_lease if is_done else self.desk.drop_lease
            give_back(LEASE, holder, now=self.clock.now())
        report.delivered = self._deliver(rules)
        return report

    def _run(self, rules: Rules) -> SweepReport:
        report = SweepReport()
        by_region: dict[str, list[Instance]] = defaultdict(list)
        for record in self.instances.living():
            if isinstance(record, Broken):
                LOG.error("record %s cannot be read: %s", record.id, record.why)
                report.broken.append(record.id)
            else:
                by_region[record.spec.region].append(record)
        self._regions(by_region, rules, report)
        self._images()
        return report

    def _images(self) -> None:
        """Whatever is wrong with the images, the instances have been looked at."""
        try:
            self.gallery.look()
        except Exception:
            LOG.exception("the images could not be looked at; they are at the next sweep")

    def _deliver(self, rules: Rules) -> int:
        """Whatever is wrong with the post, and however long it takes, the sweep has been made and marked."""
        try:
            return self.postman.deliver(rules.book)
        except Exception:
            LOG.exception("the post could not be delivered; it is tried again at the next sweep")
            return 0

    def _regions(self, by_region: Mapping[str, list[Instance]], rules: Rules, report: SweepReport) -> None:
        for region in sorted({*by_region, self.home_region}):
            try:
                self._region(region, by_region.get(region, []), rules, report)
            except Exception:
                LOG.exception("region %s could not be looked at; the others go on", region)
                report.unobserved_regions.append(region)

    def _region(self, region: str, instances: list[Instance], rules: Rules, report: SweepReport) -> None:
        views = self.observer.machines(region)
        if isinstance(views, Unobserved):
            LOG.error("region %s does not answer: %s", region, views.why)
            report.unobserved_regions.append(region)
        agents = self.observer.agents(region, [i for i in instances if needs_agent(i, found(i, views))])
        heartbeats, events = self._heartbeats(instances), self._events(region, instances)
        for instance in instances:
            report.looked_at += 1
            try:
                self._look(instance, Seen(views, agents, heartbeats, events), rules)
            except Stale as stale:
                LOG.info("%s; left to the next look", stale)
            except Exception:
                LOG.exception("%s (%s) could not be looked at; the others go on", instance.name, instance.id)
                report.broken.append(instance.id)
        if not isinstance(views, Unobserved):
            known = {instance.machine.instance_id for instance in instances if instance.machine}
            report.adopted += self.orphanage.take_in(views, known, rules, self.clock.now())

    def _look(self, instance: Instance, all_seen: Seen, rules: Rules) -> None:
        beat = all_seen.beats.get(self.observer.key(instance) or "")
        seen = self.observer.of(instance, all_seen.views, all_seen.agents, beat, all_seen.events)
        if self.reconciler.once(instance, seen, rules):
            self.reconciler.by_id(instance.id)

    def _events(self, region: str, instances: Sequence[Instance]) -> Events:
        """Asked for only where there is a machine that they could be about."""
        return self.observer.events(region) if any(each.machine for each in instances) else {}

    def _heartbeats(self, instances: Iterable[Instance]) -> Mapping[str, Beat]:
        keys = [self.observer.key(instance) for instance in instances if reports(instance)]
        return self.heartbeats.read_many({key for key in keys if key})

"""Reconcile all instances and images on a schedule, adopt orphans and send due notifications. No event is needed."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.observe_instance import (
    EventsByEc2Id,
    RegionSnapshot,
    expects_heartbeat,
    requires_agent,
    select_observed,
)
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.common.deadlines import SWEEP_LEASE_DURATION
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Unavailable
from chalicelib.domain.instances.record import Instance
from chalicelib.store.conflicts import VersionConflict
from chalicelib.store.heartbeats import HeartbeatItem
from chalicelib.store.instances.repository import UnreadableRecord
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)
SWEEP_LEASE_NAME = "sweep"
"""The lease also records when a sweep last completed."""


@dataclass
class SweepReport:
    """Counts and ids of one sweep, for the log and for tests.

    :ivar failed: the ids of the records that could not be read or reconciled
    :ivar is_skipped: another sweep was running
    """

    examined: int = 0
    failed: list[str] = field(default_factory=list)
    unavailable_regions: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    delivered: int = 0
    is_skipped: bool = False


@dataclass(frozen=True)
class Sweep:
    """One pass over all active instances, orphans, images and notifications."""

    stores: Repositories
    reconciler: Reconciler
    adopter: OrphanAdopter
    notifications: NotificationSender
    images: ImageReconciler

    def run(self) -> SweepReport:
        """Run one sweep, unless another one is running."""
        holder, desk, clock = uuid.uuid4().hex, self.stores.desk, self.reconciler.clock
        if not desk.acquire_lease(SWEEP_LEASE_NAME, holder, now=clock.now(), duration=SWEEP_LEASE_DURATION):
            LOG.info("another sweep is running")
            return SweepReport(is_skipped=True)
        is_complete = False
        try:
            context = self.reconciler.load_context()
            report = self._sweep_all(context)
            is_complete = True
        finally:
            end_lease = desk.complete_lease if is_complete else desk.release_lease
            end_lease(SWEEP_LEASE_NAME, holder, now=clock.now())
        report.delivered = self._send_notifications(context)
        return report

    def _sweep_all(self, context: DecisionContext) -> SweepReport:
        report = SweepReport()
        by_region: dict[str, list[Instance]] = defaultdict(list)
        for record in self.stores.instances.list_active():
            if isinstance(record, UnreadableRecord):
                LOG.error("record %s cannot be read: %s", record.id, record.error)
                report.failed.append(record.id)
            else:
                by_region[record.spec.region].append(record)
        # Orphans are looked for in every deployed region, even if no record is there.
        for region in sorted({*by_region, *self.reconciler.settings.deployed_regions}):
            try:
                self._sweep_region(region, by_region.get(region, []), context, report)
            except Exception:
                LOG.exception("region %s could not be swept; the next sweep tries again", region)
                report.unavailable_regions.append(region)
        self._reconcile_images()
        return report

    def _reconcile_images(self) -> None:
        """Reconcile the images. An error does not affect the sweep of the instances."""
        try:
            self.images.run()
        except Exception:
            LOG.exception("images could not be reconciled; the next sweep tries again")

    def _send_notifications(self, context: DecisionContext) -> int:
        """Send due notifications, after the sweep is recorded as complete: receivers may be slow or fail."""
        try:
            return self.notifications.send_due(context.directory)
        except Exception:
            LOG.exception("notifications could not be sent; the next sweep tries again")
            return 0

    def _sweep_region(
        self, region: str, instances: list[Instance], context: DecisionContext, report: SweepReport
    ) -> None:
        snapshot = self._read_region(region, instances)
        observed = snapshot.instances
        if isinstance(observed, Unavailable):
            LOG.error("region %s does not respond: %s", region, observed.error)
            report.unavailable_regions.append(region)
        for instance in instances:
            report.examined += 1
            try:
                self._reconcile(instance, snapshot, context)
            except VersionConflict as conflict:
                LOG.info("%s; left to the next sweep", conflict)
            except Exception:
                LOG.exception("%s (%s) could not be reconciled; the next sweep tries again", instance.name, instance.id)
                report.failed.append(instance.id)
        if not isinstance(observed, Unavailable):
            known = {instance.ec2_instance.instance_id for instance in instances if instance.ec2_instance}
            report.adopted += self.adopter.adopt_all(observed, known, context, self.reconciler.clock.now())

    def _read_region(self, region: str, instances: Sequence[Instance]) -> RegionSnapshot:
        observer = self.reconciler.observer
        observed = observer.list_instances(region)
        booting = [instance for instance in instances if requires_agent(instance, select_observed(instance, observed))]
        agents = observer.list_agents(region, booting)
        return RegionSnapshot(observed, agents, self._read_heartbeats(instances), self._read_events(region, instances))

    def _reconcile(self, instance: Instance, snapshot: RegionSnapshot, context: DecisionContext) -> None:
        observation = self.reconciler.observer.observe_from(instance, snapshot)
        if self.reconciler.run_once(instance, observation, context):
            self.reconciler.reconcile(instance.id)

    def _read_events(self, region: str, instances: Sequence[Instance]) -> EventsByEc2Id:
        """Return the scheduled events of a region. Without a launched instance, EC2 is not called."""
        is_launched = any(instance.ec2_instance for instance in instances)
        return self.reconciler.observer.list_scheduled_events(region) if is_launched else {}

    def _read_heartbeats(self, instances: Iterable[Instance]) -> Mapping[str, HeartbeatItem]:
        observer = self.reconciler.observer
        keys = [observer.get_heartbeat_key(instance) for instance in instances if expects_heartbeat(instance)]
        return self.stores.heartbeats.get_many({key for key in keys if key})

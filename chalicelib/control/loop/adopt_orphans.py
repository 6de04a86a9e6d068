"""Adopt orphans: EC2 instances with gpudesk tags and no record. They get a record and the desk's default policy.

An EC2 instance that is younger than the visibility grace is left alone: the record of its launch may not be complete.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws.volumes import Volumes
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.common.deadlines import VISIBILITY_GRACE
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.foreign.adopted_record import apply_adoption, build_adoption_reason
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, AttachedDisks
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.orphan_record import build_orphan_reason, build_orphan_record, choose_record_id
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.store.adoptions import AdoptionRepository
from chalicelib.store.instances.repository import InstanceRepository

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class OrphanAdopter:
    """Finds and adopts orphans."""

    instances: InstanceRepository
    reconciler: Reconciler
    volumes: Volumes
    adoptions: AdoptionRepository

    def adopt_all(
        self,
        observed: Iterable[ObservedInstance],
        records: Iterable[Instance],
        context: DecisionContext,
        now: datetime,
    ) -> Iterator[str]:
        """Adopt the EC2 instances that have no record, one after another. An error does not affect the others.

        :param records: the records of all regions
        :returns: the EC2 ids of the adopted instances
        """
        orphans = self.find_orphans(observed, records, context, now)
        yield from (ec2.instance_id for ec2 in orphans if self._adopt_or_log(ec2, context, now))

    def find_orphans(
        self,
        observed: Iterable[ObservedInstance],
        records: Iterable[Instance],
        context: DecisionContext,
        now: datetime,
    ) -> Iterator[ObservedInstance]:
        """Yield the EC2 instances to adopt: none while gpudesk is paused.

        :param records: the records of all regions. A move has EC2 instances in two regions, and their tags may name
            another record.
        """
        if context.desk.mode is Mode.PAUSED:
            return
        known = {instance_id for record in records for instance_id in record.held_ec2_ids}
        for ec2 in observed:
            is_ended = ec2.state in ENDED_STATES
            if is_ended or ec2.instance_id in known or now - ec2.launched_at < VISIBILITY_GRACE:
                continue
            if self._has_no_record(ec2):
                yield ec2

    def _has_no_record(self, ec2: ObservedInstance) -> bool:
        """Return whether no record has the EC2 instance. If that cannot be read, the next sweep looks again.

        After a move, another EC2 instance with the same tag is being terminated, perhaps in another region.
        """
        try:
            if self.instances.exists_for_ec2_id(ec2.instance_id):
                return False
            record = self.instances.load(ec2.tag_id) if ec2.tag_id else None
            return record is None or ec2.instance_id not in record.launch.ended_instance_ids
        except Exception:
            LOG.exception("the record of %s could not be read; the next sweep tries again", ec2.instance_id)
            return False

    def _adopt_or_log(self, ec2: ObservedInstance, context: DecisionContext, now: datetime) -> bool:
        try:
            return self._adopt(ec2, context, now)
        except Exception:
            LOG.exception("%s has gpudesk tags and no record, and could not be adopted", ec2.instance_id)
            return False

    def _adopt(self, ec2: ObservedInstance, context: DecisionContext, now: datetime) -> bool:
        """Create a record for an orphan. If its launch was closed as failed, the record of the launch is reconciled."""
        record = self.instances.load(ec2.tag_id) if ec2.tag_id else None
        if record and record.ec2_instance is None and record.phase is Phase.TERMINATED:
            self.reconciler.run_once(record, Observation(ec2=ec2), context)
            return True
        record_id = choose_record_id(ec2, is_taken=record is not None)
        instance = build_orphan_record(ec2, record_id, self._measure_disks(ec2), context, now)
        adoption = self.adoptions.get().find_granted(ec2.instance_id) if ec2.has_adopt_tag else None
        if adoption:
            instance = apply_adoption(instance, adoption, context.desk, now)
            reason = build_adoption_reason(instance, adoption)
        else:
            reason = build_orphan_reason(instance, ec2.instance_id)
        entries = [timeline_entry(now, reason, details={"instance_id": ec2.instance_id})]
        if not self.instances.adopt(instance, entries, build_notifications(instance, entries, context.directory)):
            return False
        LOG.warning("adopted %s (%s), owner %s", ec2.instance_id, ec2.instance_type, instance.owner)
        return True

    def _measure_disks(self, ec2: ObservedInstance) -> AttachedDisks | None:
        """Return the disks; None if gpudesk may not read them, because adopting is urgent.

        :raises TransientAwsError: EC2 did not respond; the next sweep tries again
        """
        try:
            return self.volumes.measure_disks(ec2.region, ec2.instance_id)
        except PermanentAwsError as error:
            LOG.warning("the disks of %s could not be read: %s", ec2.instance_id, error)
            return None

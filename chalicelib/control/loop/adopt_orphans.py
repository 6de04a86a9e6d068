"""Adopt orphans: EC2 instances with gpudesk tags and no record. They get a record and the desk's default policy.

An EC2 instance that is younger than the visibility grace is left alone: the record of its launch may not be complete.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws.volumes import AttachedDisks, Volumes
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.common.deadlines import VISIBILITY_GRACE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.common.timeline import SYSTEM_ACTOR, timeline_entry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.foreign.adopted_record import apply_adoption, build_adoption_reason
from chalicelib.domain.instances.billing import Billing
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2State
from chalicelib.domain.instances.hardware import (
    build_hardware,
    describe_price,
    describe_unknown_disks,
    describe_unknown_gpus,
    find_rates,
)
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.names import is_plain
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Policy, Software, Spec
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.setup.state import SetupState
from chalicelib.store.adoptions import AdoptionRepository
from chalicelib.store.instances.repository import InstanceRepository

LOG = logging.getLogger(__name__)

UNKNOWN_OWNER = "nobody"
"""The owner of an orphan without a valid owner tag."""

RECIPE = "bare"


@dataclass(frozen=True)
class OrphanAdopter:
    """Finds and adopts orphans."""

    instances: InstanceRepository
    reconciler: Reconciler
    volumes: Volumes
    catalog: InstanceTypeCatalog
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
        free_id = ec2.tag_id if record is None and is_plain(ec2.tag_id) else None
        instance = self._build_record(ec2, free_id, context, now)
        adoption = self.adoptions.get().find_granted(ec2.instance_id) if ec2.is_foreign else None
        if adoption:
            instance = apply_adoption(instance, adoption, context.desk, now)
            reason = build_adoption_reason(instance, adoption, _describe_unknowns(instance))
        else:
            reason = _build_orphan_reason(instance, ec2.instance_id)
        entries = [timeline_entry(now, reason, details={"instance_id": ec2.instance_id})]
        if not self.instances.adopt(instance, entries, build_notifications(instance, entries, context.directory)):
            return False
        LOG.warning("adopted %s (%s), owner %s", ec2.instance_id, ec2.instance_type, ec2.owner or UNKNOWN_OWNER)
        return True

    def _build_record(
        self, ec2: ObservedInstance, free_id: str | None, context: DecisionContext, now: datetime
    ) -> Instance:
        """Return the record of an orphan.

        :param free_id: the id in its tag, for the record; None if another record has this id, or if it has no valid tag
        """
        is_stopped = ec2.state in (Ec2State.STOPPED, Ec2State.STOPPING)
        spec = self._build_spec(ec2, context, DesiredState.STOPPED if is_stopped else DesiredState.RUNNING)
        return Instance(
            id=free_id or f"gd-{ec2.instance_id.removeprefix('i-')}",
            tagged_id=ec2.tag_id,
            name=ec2.name if is_plain(ec2.name) else ec2.instance_id,
            owner=ec2.owner if is_plain(ec2.owner) else UNKNOWN_OWNER,
            created_by=SYSTEM_ACTOR,
            created_at=now,
            spec=spec,
            setup=SetupState(recipe=RECIPE),
            phase=Phase.STOPPED if is_stopped else Phase.READY,
            phase_since=now,
            reason=EventReason(
                code=EventCode.ADOPTED, message="The EC2 instance had gpudesk tags but no record. gpudesk adopted it."
            ),
            ec2_instance=ec2.to_ec2_instance(),
            ready_since=now,
            observed=ObservedState(agent_seen=True),
            billing=Billing(rates=find_rates(ec2.instance_type, ec2.region, spec.priced_disk_gib, self.catalog)),
            lifetime=Lifetime(started_at=now),
            is_foreign=ec2.is_foreign,
        )

    def _measure_disks(self, ec2: ObservedInstance) -> AttachedDisks | None:
        """Return the disks; None if gpudesk may not read them, because adopting is urgent.

        :raises TransientAwsError: EC2 did not respond; the next sweep tries again
        """
        try:
            return self.volumes.measure_disks(ec2.region, ec2.instance_id)
        except PermanentAwsError as error:
            LOG.warning("the disks of %s could not be read: %s", ec2.instance_id, error)
            return None

    def _build_spec(self, ec2: ObservedInstance, context: DecisionContext, desired: DesiredState) -> Spec:
        defaults, disks = context.desk.defaults, self._measure_disks(ec2)
        return Spec(
            desired=desired,
            region=ec2.region,
            market=ec2.market,
            disk_gib=disks.size_gib if disks else None,
            has_priced_disks=disks is None or disks.are_priced,
            hardware=build_hardware(ec2.instance_type, self.catalog),
            software=Software(recipe=RECIPE),
            policy=Policy(idle=defaults.idle_policy, max_hours=defaults.max_hours),
        )


def _build_orphan_reason(instance: Instance, instance_id: str) -> EventReason:
    return EventReason(
        code=EventCode.ADOPTED,
        message=f"{instance.name} ({instance_id}) has gpudesk tags but had no record. gpudesk stops it "
        f"after {pluralize(instance.spec.policy.max_hours, 'hour')}, or earlier if it is idle and its probe works. "
        f"Terminate it if nobody needs it.{_describe_unknowns(instance)}",
    )


def _describe_unknowns(instance: Instance) -> str:
    """Return what gpudesk does not know of the costs and the GPUs, as sentences after a space."""
    rates = instance.billing.rates
    price = f" {describe_price(instance.spec.hardware.instance_type, None)}" if rates.instance is None else ""
    disk = f" {describe_unknown_disks(instance.spec)}" if rates.disk is None else ""
    unknown_gpus = f" {gpus}" if (gpus := describe_unknown_gpus(instance.spec)) else ""
    return price + disk + unknown_gpus

"""What carries our tag and has no record: adopted, reported, brought under policy. Newborns are spared."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.control.loop.reconcile import Reconciler
from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.common.deadlines import VISIBILITY_GRACE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.common.timeline import SYSTEM_ACTOR, timeline_entry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, because
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.record import Ec2State, Instance, Lifetime, Machine, ObservedState, Phase
from chalicelib.domain.instances.spec import DesiredState, Hardware, Policy, Software, Spec
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.setup.state import SetupState
from chalicelib.store.instances.repository import InstanceRepository

LOG = logging.getLogger(__name__)
UNKNOWN_OWNER = "nobody"
RECIPE = "bare"

ASSUMED_GPU_COUNT = 1
"""What a type outside of the catalogue is taken to have: its GPU signal counts, and unknown is not idle."""


@dataclass(frozen=True)
class OrphanAdopter:
    """Finds and adopts."""

    instances: InstanceRepository
    reconciler: Reconciler
    catalog: InstanceTypeCatalog

    def adopt_all(
        self, views: Sequence[ObservedInstance], known: set[str], rules: DecisionContext, now: datetime
    ) -> list[str]:
        """Every machine of this stage that no living record is about.

        :param known: the EC2 ids of the records that were looked at
        :returns: the EC2 ids of what was adopted
        """
        if rules.desk.mode is Mode.PAUSED:
            return []
        return [view.instance_id for view in views if self._take_in(view, known, rules, now)]

    def _take_in(self, view: ObservedInstance, known: set[str], rules: DecisionContext, now: datetime) -> bool:
        """One that cannot be adopted does not keep the others from it."""
        try:
            return self._is_orphan(view, known, now) and self._adopt(view, rules, now)
        except Exception:
            LOG.exception("%s carries our tags and could not be adopted", view.instance_id)
            return False

    def _is_orphan(self, view: ObservedInstance, known: set[str], now: datetime) -> bool:
        is_over = view.state in (Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN)
        if is_over or view.instance_id in known or now - view.launched_at < VISIBILITY_GRACE:
            return False
        return not self.instances.exists_for_ec2_id(view.instance_id)

    def _adopt(self, view: ObservedInstance, rules: DecisionContext, now: datetime) -> bool:
        record = self.instances.load(view.desk_id) if view.desk_id else None
        if record and record.machine is None and record.phase is Phase.TERMINATED:
            self.reconciler.run_once(record, Observation(ec2=view), rules)
            return True
        instance = self._record(view, None if record else view.desk_id or None, rules, now)
        reason = because(
            EventCode.ADOPTED,
            f"{instance.name} ({view.instance_id}) has gpudesk tags but had no record. gpudesk manages it now, by the "
            f"desk's idle policy and a maximum lifetime of {pluralize(instance.spec.policy.max_hours, 'hour')}. "
            f"Terminate it "
            "if nobody needs it.",
        )
        lines = [timeline_entry(now, reason, details={"instance_id": view.instance_id})]
        if not self.instances.adopt(instance, lines, build_notifications(instance, lines, rules.directory)):
            return False
        LOG.warning("adopted %s (%s) of %s", view.instance_id, view.instance_type, view.owner or UNKNOWN_OWNER)
        return True

    def _record(self, view: ObservedInstance, free_id: str | None, rules: DecisionContext, now: datetime) -> Instance:
        """:param free_id: what its tag says, where no other record has that id"""
        defaults, kind = rules.desk.defaults, self.catalog.types.get(view.instance_type)
        stopped = view.state in (Ec2State.STOPPED, Ec2State.STOPPING)
        reason = because(EventCode.ADOPTED, "found by its tags; it had no record")
        return Instance(
            id=free_id or f"gd-{view.instance_id.removeprefix('i-')}",
            tagged_id=view.desk_id,
            name=view.name or view.instance_id,
            owner=view.owner or UNKNOWN_OWNER,
            created_by=SYSTEM_ACTOR,
            created_at=now,
            spec=Spec(
                desired=DesiredState.STOPPED if stopped else DesiredState.RUNNING,
                region=view.region,
                disk_gib=defaults.disk_gib,
                hardware=Hardware(
                    instance_type=view.instance_type,
                    gpu=kind.gpu if kind else None,
                    gpu_count=kind.gpu_count if kind else 0,
                    nvidia_gpu_count=kind.nvidia_gpu_count if kind else ASSUMED_GPU_COUNT,
                    instance_store_gb=kind.instance_store_gb if kind else 0,
                ),
                software=Software(recipe=RECIPE),
                policy=Policy(idle=defaults.idle_policy, max_hours=defaults.max_hours),
            ),
            setup=SetupState(recipe=RECIPE),
            phase=Phase.STOPPED if stopped else Phase.READY,
            phase_since=now,
            reason=reason,
            machine=Machine(
                instance_id=view.instance_id,
                zone=view.zone,
                state=view.state,
                launched_at=view.launched_at,
            ),
            ready_since=now,
            observed=ObservedState(agent_seen=True),
            billing=Billing(rates=self._rates(kind, view.region, defaults.disk_gib)),
            lifetime=Lifetime(started_at=now),
        )

    def _rates(self, instance_type: InstanceType | None, region: str, disk_gib: int) -> Rates:
        return Rates(
            instance=instance_type.prices.get(region, Decimal(0)) if instance_type else Decimal(0),
            disk=self.catalog.get_disk_price_per_gib_hour(region) * disk_gib,
            address=self.catalog.address_price_per_hour,
        )

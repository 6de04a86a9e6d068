"""What carries our tag and has no record: adopted, reported, brought under policy. Newborns are spared."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.control.reconcile import Reconciler
from chalicelib.domain.catalogue import Catalogue, InstanceType
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.desk import Mode
from chalicelib.domain.instance import Desired, Ec2State, Instance, Machine, Phase, Rates, Setup, Spec
from chalicelib.domain.lifecycle import Rules
from chalicelib.domain.lifecycle.rules import because, entry
from chalicelib.domain.notices import notices_of
from chalicelib.domain.observation import Ec2View, Observation
from chalicelib.domain.plan import DESK
from chalicelib.domain.timings import NEWBORN
from chalicelib.store.instances import Instances

LOG = logging.getLogger(__name__)
NOBODY = "nobody"
RECIPE = "bare"

UNKNOWN_GPUS = 1
"""What a type outside of the catalogue is taken to have: its GPU signal counts, and unknown is not idle."""


@dataclass(frozen=True)
class Orphanage:
    """Finds and adopts."""

    instances: Instances
    reconciler: Reconciler
    catalogue: Catalogue

    def take_in(self, views: Sequence[Ec2View], known: set[str], rules: Rules, now: datetime) -> list[str]:
        """Every machine of this stage that no living record is about.

        :param known: the EC2 ids of the records that were looked at
        :returns: the EC2 ids of what was adopted
        """
        if rules.desk.mode is Mode.PAUSED:
            return []
        return [view.instance_id for view in views if self._take_in(view, known, rules, now)]

    def _take_in(self, view: Ec2View, known: set[str], rules: Rules, now: datetime) -> bool:
        """One that cannot be adopted does not keep the others from it."""
        try:
            return self._is_orphan(view, known, now) and self._adopt(view, rules, now)
        except Exception:
            LOG.exception("%s carries our tags and could not be adopted", view.instance_id)
            return False

    def _is_orphan(self, view: Ec2View, known: set[str], now: datetime) -> bool:
        is_over = view.state in (Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN)
        if is_over or view.instance_id in known or now - view.launched_at < NEWBORN:
            return False
        return not self.instances.knows_machine(view.instance_id)

    def _adopt(self, view: Ec2View, rules: Rules, now: datetime) -> bool:
        record = self.instances.load(view.desk_id) if view.desk_id else None
        if record and record.machine is None and record.phase is Phase.TERMINATED:
            self.reconciler.once(record, Observation(ec2=view), rules)
            return True
        instance = self._record(view, None if record else view.desk_id or None, rules, now)
        reason = because(
            EventCode.ADOPTED,
            f"{instance.name} ({view.instance_id}) has gpudesk tags but had no record. gpudesk manages it now, by the "
            f"desk's idle policy and a maximum lifetime of {pluralize(instance.spec.max_hours, 'hour')}. Terminate it "
            "if nobody needs it.",
        )
        lines = [entry(now, reason, details={"instance_id": view.instance_id})]
        if not self.instances.adopt(instance, lines, notices_of(instance, lines, rules.book)):
            return False
        LOG.warning("adopted %s (%s) of %s", view.instance_id, view.instance_type, view.owner or NOBODY)
        return True

    def _record(self, view: Ec2View, free_id: str | None, rules: Rules, now: datetime) -> Instance:
        """:param free_id: what its tag says, where no other record has that id"""
        defaults, kind = rules.desk.defaults, self.catalogue.types.get(view.instance_type)
        stopped = view.state in (Ec2State.STOPPED, Ec2State.STOPPING)
        reason = because(EventCode.ADOPTED, "found by its tags; it had no record")
        return Instance(
            id=free_id or f"gd-{view.instance_id.removeprefix('i-')}",
            tagged_as=view.desk_id,
            name=view.name or view.instance_id,
            owner=view.owner or NOBODY,
            created_by=DESK,
            created_at=now,
            was_reached=True,
            spec=Spec(
                desired=Desired.STOPPED if stopped else Desired.RUNNING,
                instance_type=view.instance_type,
                gpu=kind.gpu if kind else None,
                gpu_count=kind.gpu_count if kind else 0,
                nvidia_gpu_count=kind.nvidia_gpu_count if kind else UNKNOWN_GPUS,
                instance_store_gb=kind.instance_store_gb if kind else 0,
                region=view.region,
                recipe=RECIPE,
                disk_gib=defaults.disk_gib,
                idle_policy=defaults.idle_policy,
                max_hours=defaults.max_hours,
            ),
            setup=Setup(recipe=RECIPE),
            phase=Phase.STOPPED if stopped else Phase.READY,
            phase_since=now,
            reason=reason,
            rates=self._rates(kind, view.region, defaults.disk_gib),
            machine=Machine(
                instance_id=view.instance_id,
                zone=view.zone,
                state=view.state,
                launched_at=view.launched_at,
            ),
            life_began_at=now,
            ready_since=now,
        )

    def _rates(self, kind: InstanceType | None, region: str, disk_gib: int) -> Rates:
        return Rates(
            instance=kind.prices.get(region, Decimal(0)) if kind else Decimal(0),
            disk=self.catalogue.disk_price_per_gib_hour(region) * disk_gib,
            address=self.catalogue.address_price_per_hour,
        )

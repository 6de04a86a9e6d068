"""Decide what a sweep would do now, without doing it: with the sweep's own reads, and in its order.

Left out are images in progress, what a sweep before has left over, and what follows from the outcome of a call.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.instance_index import select_observed
from chalicelib.control.loop.observe_instance import RegionSnapshot
from chalicelib.control.loop.read_region import group_by_region, read_region
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import ObservedInstance, Unavailable
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.sweep_order import Priority, arrange, build_place, find_priority
from chalicelib.store.instances.repository import UnreadableRecord


@dataclass(frozen=True)
class PreviewedPlan:
    """The plan for an active instance.

    :param place: its place in the circle of the sweep
    :param before: the record, which the plan may change
    """

    place: str
    before: Instance
    plan: Plan

    @property
    def has_effect(self) -> bool:
        """Return whether the plan makes a call or changes the record."""
        return self.plan.step is not None or bool(self.plan.timeline) or self.plan.instance != self.before


@dataclass(frozen=True)
class PreviewedOrphan:
    """An EC2 instance that the sweep would adopt.

    :param place: its place in the circle of the sweep
    """

    place: str
    ec2: ObservedInstance


@dataclass(frozen=True)
class SilentRegion:
    """A region that does not respond or rejects the call, so that nothing is decided about its instances."""

    name: str
    cause: Unavailable
    instance_count: int


@dataclass(frozen=True)
class PreviewedMode:
    """The mode of gpudesk, on which all decisions depend. It is the first preview."""

    mode: Mode


Preview = PreviewedMode | PreviewedPlan | PreviewedOrphan | SilentRegion | UnreadableRecord


def preview_sweep(reconciler: Reconciler, adopter: OrphanAdopter) -> Iterator[Preview]:
    """Yield the mode, unreadable records, silent regions, and what the sweep would do, in its order."""
    context, records = reconciler.load_context(), list(reconciler.stores.instances.list_active())
    yield PreviewedMode(context.desk.mode)
    yield from (record for record in records if isinstance(record, UnreadableRecord))
    readable = [record for record in records if isinstance(record, Instance)]
    quotas = reconciler.observer.quotas.observe(readable)
    work: list[PreviewedPlan | PreviewedOrphan] = []
    for region, instances in sorted(group_by_region(records, reconciler.settings.deployed_regions).items()):
        snapshot = read_region(reconciler.observer, reconciler.stores.heartbeats, region, instances, quotas)
        observed = snapshot.instances
        if isinstance(observed, Unavailable):
            yield SilentRegion(region, observed, len(instances))
            continue
        orphans = adopter.find_orphans(observed, records=readable, context=context, now=reconciler.clock.now())
        work += [PreviewedOrphan(build_place(Priority.ORPHANS, region, ec2.instance_id), ec2) for ec2 in orphans]
        work += _preview_instances(reconciler, context, snapshot, instances)
    yield from arrange(work, None)[0]


def _preview_instances(
    reconciler: Reconciler, context: DecisionContext, snapshot: RegionSnapshot, instances: list[Instance]
) -> Iterator[PreviewedPlan]:
    for instance in instances:
        priority = find_priority(instance, select_observed(instance, snapshot.instances))
        place = build_place(priority, instance.created_at.isoformat(), instance.id)
        observation = reconciler.observer.observe_from(instance, snapshot)
        yield PreviewedPlan(place, instance, reconciler.plan(instance, observation, context))

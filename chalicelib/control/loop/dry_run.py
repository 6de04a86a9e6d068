"""Decide what a sweep would do now, without doing it."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.store.instances.repository import UnreadableRecord


@dataclass(frozen=True)
class PreviewedPlan:
    """The plan for an active instance.

    :param before: the record, which the plan may change
    """

    before: Instance
    plan: Plan

    @property
    def has_effect(self) -> bool:
        """Return whether the plan makes a call or changes the record."""
        return self.plan.step is not None or bool(self.plan.timeline) or self.plan.instance != self.before


def preview_sweep(reconciler: Reconciler) -> Iterator[PreviewedPlan | UnreadableRecord]:
    """Yield the plan for each active instance, and each record that cannot be read."""
    context = reconciler.load_context()
    for instance in reconciler.stores.instances.list_active():
        if isinstance(instance, UnreadableRecord):
            yield instance
        else:
            yield PreviewedPlan(instance, reconciler.plan(instance, reconciler.observer.observe(instance), context))

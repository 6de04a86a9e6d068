"""Decide what a sweep would do now, without doing it."""

from collections.abc import Iterator

from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance


def preview_sweep(reconciler: Reconciler) -> Iterator[Plan]:
    """Yield the plan for each active instance. Records that cannot be read are left out."""
    context = reconciler.load_context()
    for instance in reconciler.stores.instances.list_active():
        if isinstance(instance, Instance):
            yield reconciler.plan(instance, reconciler.observer.observe(instance), context)

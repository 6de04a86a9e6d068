"""Reconcile all instances and images on a schedule, and adopt orphans. No event is needed."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.function_budget import start_function_budget
from chalicelib.control.loop.lease import hold_lease
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.sweep_report import SweepReport
from chalicelib.control.loop.sweep_run import SweepRun
from chalicelib.domain.instances.sweep_order import LeftOver
from chalicelib.store.desk import SWEEP_LEASE_NAME
from chalicelib.store.repositories import Repositories
from chalicelib.store.stored_type import StoredType

LOG = logging.getLogger(__name__)
LEFT_OVER = StoredType(LeftOver)


@dataclass(frozen=True)
class Sweep:
    """One pass over all active instances, orphans and images.

    :param monotonic: returns real time in seconds
    """

    stores: Repositories
    reconciler: Reconciler
    adopter: OrphanAdopter
    images: ImageReconciler
    monotonic: Callable[[], float] = time.monotonic

    def run(self, seconds_left: float | None = None) -> SweepReport:
        """Run one sweep, unless another one is running.

        :param seconds_left: the time until Lambda ends the function; None: the function's timeout
        """
        budget = start_function_budget(seconds_left, self.monotonic)
        with hold_lease(self.stores.desk, SWEEP_LEASE_NAME, self.reconciler.clock, budget.seconds_left) as lease:
            if lease is None:
                LOG.info("another sweep is running")
                return SweepReport(is_skipped=True)
            reconciler = replace(
                self.reconciler,
                executor=self.reconciler.executor.add_memory(),
                outlooks=self.reconciler.outlooks.add_memory(),
            )
            run = SweepRun(self.stores, reconciler, self.adopter, self.images, budget)
            left_over, lease.is_complete = run.run(decode_left_over(lease.note))
            lease.note = LEFT_OVER.encode(left_over)
        return run.report


def decode_left_over(note: str) -> LeftOver:
    """Return what the sweep before has left over; nothing if its note cannot be read."""
    try:
        return LEFT_OVER.decode(note) if note else LeftOver()
    except ValueError:
        LOG.exception("the note of the sweep before cannot be read; this sweep begins at the start")
        return LeftOver()

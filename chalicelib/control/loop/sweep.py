"""Reconcile all instances and images on a schedule, and adopt orphans. No event is needed."""

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.sweep_run import SweepReport, SweepRun
from chalicelib.control.loop.time_budget import start_budget
from chalicelib.domain.common.deadlines import SWEEP_LEASE_DURATION
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)
SWEEP_LEASE_NAME = "sweep"
"""The lease also records when a sweep last completed, and what it has left over."""


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
        budget = start_budget(seconds_left, self.monotonic)
        holder, desk, clock = uuid.uuid4().hex, self.stores.desk, self.reconciler.clock
        # When Lambda has ended a sweep in the middle of its work, the lease must be free for the next one.
        limit = SWEEP_LEASE_DURATION if seconds_left is None else timedelta(seconds=seconds_left)
        duration = min(SWEEP_LEASE_DURATION, limit)
        before = desk.acquire_lease(SWEEP_LEASE_NAME, holder, now=clock.now(), duration=duration)
        if before is None:
            LOG.info("another sweep is running")
            return SweepReport(is_skipped=True)
        left_over, is_complete = before, False
        try:
            reconciler = replace(self.reconciler, executor=self.reconciler.executor.add_memory())
            run = SweepRun(self.stores, reconciler, self.adopter, self.images, budget)
            left_over, is_complete = run.run(before)
        finally:
            desk.release_lease(SWEEP_LEASE_NAME, holder, now=clock.now(), left_over=left_over, is_complete=is_complete)
        return run.report

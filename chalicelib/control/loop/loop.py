"""The loop as its three drivers see it: the table's stream, AWS's events, the schedule. All three say "look now"."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.control.loop.reconcile import Reconciler
from chalicelib.control.loop.sweep import Sweep, SweepReport
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance


@dataclass(frozen=True)
class Loop:
    """What app.py's event handlers call."""

    reconciler: Reconciler
    sweeper: Sweep
    watcher: SweepWatchdog

    def sweep(self) -> SweepReport:
        """Look at everything."""
        return self.sweeper.run()

    def watch(self) -> bool:
        """Look after the sweep.

        :returns: whether it is overdue
        """
        return self.watcher.check(self.reconciler.context().directory)

    def preview(self) -> Iterator[Plan]:
        """What a sweep would do now, decided and not done; a record that cannot be read is left out."""
        rules = self.reconciler.context()
        for instance in self.reconciler.instances.list_active():
            if isinstance(instance, Instance):
                yield self.reconciler.plan(instance, self.reconciler.observer.observe(instance), rules)

    def reconcile(self, record_id: str) -> None:
        """Look at one instance, and at the images that are being made: somebody may have asked for one of it."""
        self.reconciler.reconcile(record_id)
        self.sweeper.images.run()

    def reconcile_machine(self, ec2_instance_id: str) -> None:
        """Look at the instance behind which this EC2 instance stands."""
        self.reconciler.reconcile_ec2(ec2_instance_id)

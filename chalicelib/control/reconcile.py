"""One pass over one instance: decide, write, call, note. Whatever interrupts it, the next pass goes on."""

import logging
from dataclasses import dataclass

from chalicelib.control.act import Executor
from chalicelib.control.address_book import address_book
from chalicelib.control.observe import Observer
from chalicelib.domain import lifecycle
from chalicelib.domain.clock import Clock
from chalicelib.domain.instance import Instance
from chalicelib.domain.lifecycle import Rules
from chalicelib.domain.lifecycle.orders import orders_for, takes_orders
from chalicelib.domain.notices import notices_of
from chalicelib.domain.observation import Absent, Observation
from chalicelib.domain.plan import Outcome, Plan, Step
from chalicelib.settings import Settings
from chalicelib.store.desk import DeskStore
from chalicelib.store.durations import DurationStore
from chalicelib.store.heartbeats import Heartbeats
from chalicelib.store.instances import Instances
from chalicelib.store.owners import Owners
from chalicelib.store.transactions import Stale

LOG = logging.getLogger(__name__)

PASSES = 4
"""A look may lead straight to the next (resolved -> launch); many in a row would be a loop that feeds itself."""

NOTES = 5
"""A call's outcome is a fact: it is noted on whatever the record has become."""


@dataclass(frozen=True)
class Reconciler:
    """The loop's body, the same for every way in which it is driven."""

    instances: Instances
    desk: DeskStore
    owners: Owners
    heartbeats: Heartbeats
    durations: DurationStore
    observer: Observer
    executor: Executor
    settings: Settings
    clock: Clock

    def by_id(self, record_id: str) -> None:
        """Look at one instance, and at most a few times again while there is something to do at once."""
        rules = self.rules()
        for _ in range(PASSES):
            instance = self.instances.load(record_id)
            if instance is None:
                LOG.info("no record %s: nothing to look at", record_id)
                return
            try:
                if not self.once(instance, self.observer.one(instance), rules):
                    return
            except Stale as stale:
                LOG.info("%s; somebody else is looking at it", stale)
                return

    def by_machine(self, ec2_instance_id: str) -> None:
        """The same for the record behind an EC2 instance; one that is not ours is none of our business."""
        instance = self.instances.by_machine(ec2_instance_id)
        if instance:
            self.by_id(instance.id)

    def plan(self, instance: Instance, seen: Observation, rules: Rules) -> Plan:
        """What would be done now, without doing it."""
        return lifecycle.decide(instance, seen, self.clock.now(), rules)

    def once(self, instance: Instance, seen: Observation, rules: Rules) -> bool:
        """Decide and act once.

        :returns: whether it is worth looking again at once
        :raises Stale: the record changed since it was read: what was decided is dropped
        """
        plan = self.plan(instance, seen, rules)
        current = self._write(instance, plan, rules)
        if plan.learned:
            self.durations.learn(plan.learned)
        self._give_orders(current, seen, rules)
        LOG.debug("%s: %s", instance.name, plan.reason.sentence)
        if plan.step is None:
            return plan.again
        outcome = self.executor.do(current, plan.step)
        return self._note(current, plan.step, outcome, rules) or plan.again

    def rules(self) -> Rules:
        """What holds for the whole desk, now."""
        desk = self.desk.settings()
        return Rules(
            desk=desk,
            book=address_book(desk, self.owners),
            heartbeat_table=f"{self.settings.table_prefix}-heartbeats",
            heartbeat_region=self.settings.home_region,
            instance_role_id=self.settings.instance_role_id,
            script_time=self.clock.script_time,
        )

    def _write(self, before: Instance, plan: Plan, rules: Rules) -> Instance:
        """A pass that changes nothing writes nothing."""
        if plan.instance == before and not plan.entries:
            return before
        notices = notices_of(plan.instance, plan.entries, rules.book)
        return self.instances.write(before, plan.instance, plan.entries, plan.segments, notices, measured=plan.measured)

    def _give_orders(self, instance: Instance, seen: Observation, rules: Rules) -> None:
        """The machine's next heartbeat is answered with what holds now; written only where it holds something else."""
        if not takes_orders(instance):
            return
        key = self.observer.key(instance)
        orders = orders_for(instance, rules.desk)
        if key and not isinstance(seen.orders, Absent) and seen.orders != orders:
            self.heartbeats.give(key, orders)

    def _note(self, instance: Instance, step: Step, outcome: Outcome, rules: Rules) -> bool:
        for _ in range(NOTES):
            plan = lifecycle.note(instance, step, outcome, self.clock.now())
            try:
                self._write(instance, plan, rules)
            except Stale:
                fresh = self.instances.load(instance.id)
                if fresh is None:
                    return False
                instance = fresh
            else:
                return plan.again
        raise Stale(f"{instance.id}: {type(outcome).__name__} could not be noted {NOTES} times")

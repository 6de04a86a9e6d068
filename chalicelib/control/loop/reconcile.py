"""One pass over one instance: decide, write, call, note. Whatever interrupts it, the next pass goes on."""

import logging
from dataclasses import dataclass

from chalicelib.control.loop.address_book import load_channel_directory
from chalicelib.control.loop.execute import Executor
from chalicelib.control.loop.observe import Observer
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.lifecycle import decide, outcomes
from chalicelib.domain.instances.lifecycle.orders import build_response, expects_response
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.plan import Outcome, Plan, Step
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import notifications_for
from chalicelib.settings import Settings
from chalicelib.store.desk import DeskRepository
from chalicelib.store.durations import DurationRepository
from chalicelib.store.dynamo import VersionConflict, retry_on_conflict
from chalicelib.store.heartbeats import HeartbeatRepository
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.owners import OwnerRepository

LOG = logging.getLogger(__name__)

PASSES = 4
"""A look may lead straight to the next (resolved -> launch); many in a row would be a loop that feeds itself."""


@dataclass(frozen=True)
class Reconciler:
    """The loop's body, the same for every way in which it is driven."""

    instances: InstanceRepository
    desk: DeskRepository
    owners: OwnerRepository
    heartbeats: HeartbeatRepository
    durations: DurationRepository
    observer: Observer
    executor: Executor
    settings: Settings
    clock: Clock

    def reconcile(self, record_id: str) -> None:
        """Look at one instance, and at most a few times again while there is something to do at once."""
        rules = self.context()
        for _ in range(PASSES):
            instance = self.instances.load(record_id)
            if instance is None:
                LOG.info("no record %s: nothing to look at", record_id)
                return
            try:
                if not self.run_once(instance, self.observer.observe(instance), rules):
                    return
            except VersionConflict as stale:
                LOG.info("%s; somebody else is looking at it", stale)
                return

    def reconcile_ec2(self, ec2_instance_id: str) -> None:
        """The same for the record behind an EC2 instance; one that is not ours is none of our business."""
        instance = self.instances.find_by_ec2_id(ec2_instance_id)
        if instance:
            self.reconcile(instance.id)

    def plan(self, instance: Instance, observation: Observation, rules: DecisionContext) -> Plan:
        """What would be done now, without doing it."""
        return decide.decide(instance, observation, self.clock.now(), rules)

    def run_once(self, instance: Instance, observation: Observation, rules: DecisionContext) -> bool:
        """Decide and act once.

        :returns: whether it is worth looking again at once
        :raises Stale: the record changed since it was read: what was decided is dropped
        """
        plan = self.plan(instance, observation, rules)
        current = self._write(instance, plan, rules)
        if plan.durations:
            self.durations.record(plan.durations)
        self._send_heartbeat_response(current, observation, rules)
        LOG.debug("%s: %s", instance.name, plan.reason.message)
        if plan.step is None:
            return plan.requeue
        outcome = self.executor.execute(current, plan.step)
        return self._record_outcome(current, plan.step, outcome, rules) or plan.requeue

    def context(self) -> DecisionContext:
        """What holds for the whole desk, now."""
        desk = self.desk.settings()
        return DecisionContext(
            desk=desk,
            directory=load_channel_directory(desk, self.owners),
            heartbeat_table=f"{self.settings.table_prefix}-heartbeats",
            heartbeat_region=self.settings.home_region,
            instance_role_id=self.settings.instance_role_id,
            scale_script_timeout=self.clock.scale_script_timeout,
        )

    def _write(self, before: Instance, plan: Plan, rules: DecisionContext) -> Instance:
        """A pass that changes nothing writes nothing."""
        if plan.instance == before and not plan.timeline:
            return before
        notices = notifications_for(plan.instance, plan.timeline, rules.directory)
        return self.instances.write(
            RecordWrite(
                before=before,
                after=plan.instance,
                entries=plan.timeline,
                segments=plan.billed_segments,
                notifications=notices,
                benchmark=plan.benchmark,
            )
        )

    def _send_heartbeat_response(self, instance: Instance, observation: Observation, rules: DecisionContext) -> None:
        """The machine's next heartbeat is answered with what holds now; written only where it holds something else."""
        if not expects_response(instance):
            return
        key = self.observer.heartbeat_key(instance)
        orders = build_response(instance, rules.desk)
        if (
            key
            and not isinstance(observation.heartbeat_response, NotVisible)
            and observation.heartbeat_response != orders
        ):
            self.heartbeats.set_response(key, orders)

    def _record_outcome(self, instance: Instance, step: Step, outcome: Outcome, rules: DecisionContext) -> bool:
        """Record the outcome of a call: on the record as it was written, or on whatever it has become since.

        :returns: whether to reconcile once more at once
        """

        def record_on(current: Instance | None) -> bool:
            if current is None:
                return False
            plan = outcomes.record_outcome(current, step, outcome, self.clock.now())
            self._write(current, plan, rules)
            return plan.requeue

        try:
            return record_on(instance)
        except VersionConflict:
            return retry_on_conflict(lambda: record_on(self.instances.load(instance.id)))

"""Reconcile one instance: observe, decide, write the record, make the call, record its outcome.

Every pass starts from the record and from the state in AWS, so a pass that is interrupted is continued by the next one.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.control.channel_directory import load_channel_directory
from chalicelib.control.loop.observe_instance import Observer
from chalicelib.control.loop.spot_prices import SpotPriceLookup
from chalicelib.control.loop.step_executor import StepExecutor
from chalicelib.control.start_outlooks import StartOutlooks
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.lifecycle import benchmark_run, decide, outcomes
from chalicelib.domain.instances.lifecycle.heartbeat_messages import build_response, expects_response
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.lifecycle.stop_warnings import announces_stop
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Plan, Step
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.offers.capacity_answers import find_answer_in_change, find_answer_to_call
from chalicelib.domain.offers.region_capacity import CapacityAnswer
from chalicelib.settings import Settings
from chalicelib.store.conflicts import RejectedWrite, VersionConflict, retry_on_conflict
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)

MAX_PASSES = 8
"""Passes in a row. One pass can require the next at once: each offer that a launch tries takes two (resolve, then
launch). A launch that tries more than four offers goes on with the next sweep: others are waiting, too."""


@dataclass(frozen=True)
class Reconciler:
    """One step of the control loop. The sweep, the stream of the instances table and AWS events call it."""

    stores: Repositories
    observer: Observer
    executor: StepExecutor
    settings: Settings
    clock: Clock
    catalog: InstanceTypeCatalog
    outlooks: StartOutlooks

    def reconcile(self, record_id: str) -> None:
        """Reconcile one instance, again while there is something to do at once, at most MAX_PASSES times.

        A launch that tries several offers reads subnets and images once.
        """
        remembering = replace(self, executor=self.executor.add_memory())
        remembering.repeat(record_id, self.load_context(), self.observer.observe)

    def repeat(
        self,
        record_id: str,
        context: DecisionContext,
        observe: Callable[[Instance], Observation],
        has_time: Callable[[], bool] = lambda: True,
    ) -> None:
        """Reconcile one instance as `reconcile` does, with these observations, and only while there is time."""
        for _ in range(MAX_PASSES):
            if not has_time():
                return
            instance = self.stores.instances.load(record_id)
            if instance is None:
                LOG.info("there is no record %s to reconcile", record_id)
                return
            observation = observe(instance)
            if not has_time():
                return
            try:
                if not self.run_once(instance, observation, context):
                    return
            except VersionConflict as conflict:
                LOG.info("%s; another writer reconciles it", conflict)
                return

    def reconcile_ec2(self, ec2_instance_id: str) -> None:
        """Reconcile the record of an EC2 instance. If there is no record, the sweep adopts the EC2 instance later."""
        instance = self.stores.instances.find_by_ec2_id(ec2_instance_id)
        if instance:
            self.reconcile(instance.id)

    def record(self, record_id: str, decide: Callable[[Instance, DecisionContext], Plan | None]) -> bool:
        """Write what an event says about an instance, also in a record that changes meanwhile.

        :param decide: returns the plan, which makes no call; None: the event says nothing new
        :returns: whether it was written
        :raises VersionConflict: all attempts conflicted with other writes
        """
        context = self.load_context()

        def write() -> bool:
            instance = self.stores.instances.load(record_id)
            plan = decide(instance, context) if instance else None
            if instance and plan:
                self._write(instance, plan, context)
            return plan is not None

        return retry_on_conflict(write)

    def plan(self, instance: Instance, observation: Observation, context: DecisionContext) -> Plan:
        """Return what would be done now, without doing it.

        What EC2 has answered in the region is read only if a stop is announced, and then it is decided again with it.
        """
        now = self.clock.now()
        plan = decide.decide(instance, observation, now, context)
        outlook = self.outlooks.describe(instance, now) if announces_stop(instance, plan) else ""
        if not outlook:
            return plan
        return decide.decide(instance, replace(observation, start_outlook=outlook), now, context)

    def run_once(self, instance: Instance, observation: Observation, context: DecisionContext) -> bool:
        """Decide and act once.

        :returns: whether to reconcile once more at once
        :raises VersionConflict: the record has changed since it was read, so the decision was dropped
        :raises RejectedWrite: DynamoDB never accepts the changed record
        """
        plan = self.plan(instance, observation, context)
        try:
            current = self._write(instance, plan, context)
        except RejectedWrite as error:
            if plan.benchmark is None:
                raise
            LOG.error("the benchmark of %s cannot be stored: %s", instance.name, error)
            plan = benchmark_run.reject_results(instance, str(error), self.clock.now())
            current = self._write(instance, plan, context)
        if plan.step_durations:
            self.stores.durations.record(plan.step_durations)
        self._count_answer(find_answer_in_change(instance, plan.instance, observation, self.clock.now()))
        self._send_heartbeat_response(current, observation, context)
        LOG.debug("%s: %s", instance.name, plan.reason.message)
        if plan.step is None:
            return plan.requeue
        outcome = self.executor.execute(current, plan.step)
        requeue = self._record_outcome(current, plan.step, outcome, context) or plan.requeue
        self._count_answer(find_answer_to_call(current, plan.step, outcome, self.clock.now()))
        return requeue

    def _count_answer(self, answer: CapacityAnswer | None) -> None:
        """Remember what EC2 has answered about capacity.

        The record is written first: after that, the same attempt is not sent again. If the function ends in between,
        the answer is lost, which costs at most a launch in a worse order of zones; counted twice, it would make a zone
        look full or free that is neither.
        """
        if answer:
            self.stores.capacity.add(answer)

    def load_context(self) -> DecisionContext:
        """Return what decisions depend on besides the instance: settings, channels, names of AWS resources."""
        desk = self.stores.desk.get_settings()
        return DecisionContext(
            desk=desk,
            directory=load_channel_directory(desk, self.stores.owners),
            heartbeat_table=f"{self.settings.table_prefix}-heartbeats",
            heartbeat_region=self.settings.home_region,
            instance_role_id=self.settings.instance_role_id,
            catalog=self.catalog,
            find_spot_price=SpotPriceLookup(self.stores.offers, self.clock).find,
            scale_script_timeout=self.clock.scale_script_timeout,
        )

    def _write(self, before: Instance, plan: Plan, context: DecisionContext) -> Instance:
        """Write what the plan changes, if anything."""
        if plan.instance == before and not plan.timeline:
            return before
        return self.stores.instances.write(
            RecordWrite(
                before=before,
                after=plan.instance,
                entries=plan.timeline,
                segments=plan.billed_segments,
                notifications=build_notifications(plan.instance, plan.timeline, context.directory),
                benchmark=plan.benchmark,
                heartbeat_key=self.observer.get_heartbeat_key(before) or self.observer.get_heartbeat_key(plan.instance),
            )
        )

    def _send_heartbeat_response(self, instance: Instance, observation: Observation, context: DecisionContext) -> None:
        """Write the response to the instance's next heartbeat, if it differs from the one in the table."""
        key = self.observer.get_heartbeat_key(instance)
        if key is None or not expects_response(instance) or isinstance(observation.heartbeat_response, NotVisible):
            return
        response = build_response(instance, context.desk)
        if observation.heartbeat_response != response:
            self.stores.heartbeats.set_response(key, response)

    def _record_outcome(self, instance: Instance, step: Step, outcome: Outcome, context: DecisionContext) -> bool:
        """Record the outcome of a call, also in a record that has changed during the call.

        :returns: whether to reconcile once more at once
        :raises VersionConflict: all attempts conflicted with other writes
        """

        def record_on(current: Instance | None) -> bool:
            if current is None:
                return False
            plan = outcomes.record_outcome(current, step, outcome, self.clock.now(), context.desk.mode)
            self._write(current, plan, context)
            return plan.requeue

        try:
            return record_on(instance)
        except VersionConflict:
            return retry_on_conflict(lambda: record_on(self.stores.instances.load(instance.id)))

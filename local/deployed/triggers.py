"""Triggers of deployed functions, as the template has them: stream, rules and schedules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from local.aws.core.delivery import Delivery, EventHandlers
from local.aws.core.local_cloud import LocalCloud
from local.deployed.failure_queue import send_failure
from local.deployed.forwarding import may_forward
from local.deployed.function import Function
from local.deployed.rules import Rule, find_targets
from local.deployed.stream import StreamMapping
from local.deployed.stream_delivery import StreamDelivery
from local.deployed.stream_permission import StreamPermission
from local.deployed.worker import Worker, read_invoke_config


class Triggers:
    """Delivery of events to functions. Each function works on its own events, beside the others."""

    def __init__(self, cloud: LocalCloud, functions: Mapping[str, Function], region: str) -> None:
        """Create stopped triggers without rules and mappings.

        :param functions: all functions by ARN
        :param region: the home region, which has the tables and the schedules
        """
        self._cloud = cloud
        self._functions = functions
        self._region = region
        self._workers = {arn: Worker(function, read_invoke_config(function)) for arn, function in functions.items()}
        self._rules: Sequence[Rule] = ()
        self._may_forward = partial(may_forward, cloud.enforcement)
        self._delivery: Delivery | None = None

    def start(self, rules: Sequence[Rule], mapping: StreamMapping) -> None:
        """Deliver what happens from now on.

        :param mapping: the only mapping of the only table with a stream
        """
        self._rules = rules
        handlers = EventHandlers(
            on_stream=lambda event: self._deliver_records(mapping, event["Records"]),
            on_event=self._deliver_event,
            on_schedule=self._deliver_schedules,
        )
        self._delivery = Delivery(
            self._cloud, handlers, [mapping.table], stream_filter=mapping.matches, region=self._region
        )
        role = self._functions[mapping.function_arn].spec.role
        now = self._cloud.clock.now
        self._delivery.may_read = StreamPermission(self._cloud.enforcement, mapping, role, now).may_read
        self._delivery.start()

    def stop(self) -> None:
        """Deliver nothing more, and wait for running functions."""
        if self._delivery is not None:
            self._delivery.stop()
        for worker in self._workers.values():
            worker.stop()

    def _deliver_records(self, mapping: StreamMapping, records: Sequence[Mapping[str, Any]]) -> None:
        function = self._functions[mapping.function_arn]
        delivery = StreamDelivery(mapping, function.invoke, self._cloud.clock.now)

        def deliver() -> None:
            if given_up := delivery.deliver(records):
                failure = {"table": mapping.table, "records": len(given_up)}
                send_failure(mapping.failure_queue, function.spec.role, failure)

        self._workers[mapping.function_arn].submit(deliver)

    def _deliver_event(self, event: Mapping[str, Any]) -> None:
        for target in find_targets(self._rules, event, self._may_forward):
            self._workers[target].invoke_later(event)

    def _deliver_schedules(self, event: Mapping[str, Any]) -> None:
        minute = datetime.fromisoformat(event["time"])
        for rule in self._rules:
            if rule.is_due(minute):
                for target in rule.targets:
                    self._workers[target.arn].invoke_later({**event, "resources": [rule.arn]})

"""Handle what EC2 announces of spot instances: record it, act on it and notify people within the two minutes."""

import logging
from dataclasses import dataclass

from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.lifecycle.spot_interruption import record_spot_event
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import SpotEvent

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class InterruptionHandler:
    """Handles spot events. Without an event, the sweep learns of an interruption from the heartbeat or from EC2."""

    reconciler: Reconciler
    sender: NotificationSender

    def handle(self, event: SpotEvent, seconds_left: float | None = None) -> None:
        """Record an event, reconcile its instance, and deliver the notifications at once.

        :param seconds_left: the time until Lambda ends the function; None: the function's timeout
        """
        instance = self.reconciler.stores.instances.find_by_ec2_id(event.ec2_instance_id)
        if instance is None:
            LOG.info("there is no record of %s, which a spot event names", event.ec2_instance_id)
            return

        def decide(current: Instance, context: DecisionContext) -> Plan | None:
            return record_spot_event(current, event, self.reconciler.clock.now(), context.desk.mode)

        if self.reconciler.record(instance.id, decide):
            self.reconciler.reconcile(instance.id)
            self.sender.run(seconds_left)

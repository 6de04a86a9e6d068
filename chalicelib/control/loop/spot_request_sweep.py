"""Cancel spot requests without an instance, and report those whose instance is not gpudesk's."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot_request_cleanup import UnusedRequest, are_requests_due, find_unused_requests
from chalicelib.domain.notifications.desk_notifications import build_desk_notification

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpotRequestSweep:
    """One look at the spot requests of a region, some times an hour."""

    reconciler: Reconciler

    def run(
        self, region: str, observed: Iterable[ObservedInstance], records: Iterable[Instance], context: DecisionContext
    ) -> None:
        """Look for unused requests. An error does not affect the sweep.

        :param observed: the EC2 instances with gpudesk's tags
        :param records: the records of the region
        """
        if not are_requests_due(self.reconciler.clock.now()) or context.desk.mode is Mode.PAUSED:
            return
        try:
            for unused in self._find_unused(region, observed, records):
                self._handle(unused, context)
        except Exception:
            LOG.exception("the spot requests of %s could not be checked; a later sweep tries again", region)

    def _find_unused(
        self, region: str, observed: Iterable[ObservedInstance], records: Iterable[Instance]
    ) -> list[UnusedRequest]:
        observer = self.reconciler.observer
        requests = observer.spot_requests.list_requests(region)
        states: dict[str, Ec2State | None] = {instance.instance_id: instance.state for instance in observed}
        tagged_ids = frozenset(states)
        for instance_id in {request.instance_id for request in requests if request.instance_id} - tagged_ids:
            states[instance_id] = observer.ec2.get_state(region, instance_id)
        return list(find_unused_requests(requests, states, tagged_ids, records, self.reconciler.clock.now()))

    def _handle(self, unused: UnusedRequest, context: DecisionContext) -> None:
        request, now = unused.request, self.reconciler.clock.now()
        LOG.warning("%s", unused.message)
        if not unused.is_abandoned:
            code, since = EventCode.SPOT_REQUEST_UNMANAGED, request.updated_at
            notification = build_desk_notification(code, unused.message, since, now, context.directory)
            self.reconciler.stores.notifications.put_if_absent(notification)
        elif context.desk.mode is Mode.ENFORCE:
            self.reconciler.observer.spot_requests.cancel(request.region, [request.request_id])

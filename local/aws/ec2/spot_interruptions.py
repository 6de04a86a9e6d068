"""Interruptions of spot instances: the warning two minutes before, the interruption, and the recommendation before it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from local.aws.core.events import EventLog, EventOrigin, build_interruption_warning, build_rebalance_recommendation
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.spot_request import INTERRUPTED, INTERRUPTED_FOR_GOOD, SpotRequest
from local.aws.ec2.spot_requests import SpotRequests
from local.aws.ec2.tracked_instance import TrackedInstance
from local.machines.host.interface import Machines

WARNED_BEFORE = timedelta(minutes=2)


class SpotInterruptions:
    """Interrupts spot instances when a test or a person wants that.

    :param now: returns the cloud's time
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        lifecycle: Lifecycle,
        requests: SpotRequests,
        machines: Machines,
        log: EventLog,
    ) -> None:
        """Start without interruptions."""
        self._now = now
        self._lifecycle = lifecycle
        self._requests = requests
        self._machines = machines
        self._log = log

    def interrupt(
        self,
        instance_id: str,
        *,
        is_announced: bool = True,
        wins_over_stop: bool = False,
        returns_after: timedelta | None = None,
    ) -> datetime:
        """Warn of an interruption, which follows two minutes later.

        :param is_announced: EventBridge gets the warning; the metadata of the instance always has it
        :param wins_over_stop: if somebody stops the instance meanwhile, it still counts as interrupted
        :param returns_after: time after which EC2 starts the instance again; None: never
        :returns: the time of the interruption
        :raises KeyError: there is no running spot instance with this id
        """
        tracked, request = self._find(instance_id)
        now = self._now()
        request.interrupts_at = at = now + WARNED_BEFORE
        request.wins_over_stop, request.returns_after = wins_over_stop, returns_after
        is_end = request.behavior == "terminate"
        request.change("active", "marked-for-termination" if is_end else "marked-for-stop", now)
        self._machines.show_interruption(instance_id, request.behavior, at)
        if is_announced:
            origin = EventOrigin(now, tracked.account, tracked.region)
            self._log.emit(build_interruption_warning(origin, instance_id, request.behavior))
        return at

    def recommend_rebalance(self, instance_id: str) -> None:
        """Emit the event that an interruption of an instance is more likely.

        :raises KeyError: there is no running spot instance with this id
        """
        tracked, _ = self._find(instance_id)
        origin = EventOrigin(self._now(), tracked.account, tracked.region)
        self._log.emit(build_rebalance_recommendation(origin, instance_id))

    def tick(self) -> None:
        """Interrupt the instances for which that is due."""
        now = self._now()
        for request in list(self._requests.requests.values()):
            tracked = self._lifecycle.instances.get(request.instance_id or "")
            if request.interrupts_at and request.interrupts_at <= now and tracked:
                self._carry_out(request, tracked, request.interrupts_at)

    def _carry_out(self, request: SpotRequest, tracked: TrackedInstance, at: datetime) -> None:
        """Interrupt an instance that still runs. One that somebody stops or terminates is left alone."""
        request.interrupts_at = None
        if tracked.state not in ("pending", "running"):
            return
        if request.behavior == "terminate":
            self._lifecycle.terminate(tracked)
            tracked.instance._reason, tracked.instance.state_reason = INTERRUPTED_FOR_GOOD.message, INTERRUPTED_FOR_GOOD
        else:
            self._lifecycle.power_off(tracked, INTERRUPTED, at)

    def _find(self, instance_id: str) -> tuple[TrackedInstance, SpotRequest]:
        tracked, request = self._lifecycle.instances.get(instance_id), self._requests.find_live(instance_id)
        if tracked is None or request is None or tracked.state not in ("pending", "running"):
            raise KeyError(f"A running spot instance {instance_id}")
        return tracked, request

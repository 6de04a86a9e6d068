"""Move stopped instances: estimate, request, cancel. The control loop copies the disk and launches."""

import secrets
from dataclasses import dataclass, replace

from chalicelib.control.services.instances import InstanceService, load_visible
from chalicelib.control.size_finder import SizeFinder
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.commands.request_move import cancel_move, request_move, require_movable
from chalicelib.domain.instances.move_estimate import MoveEstimate, estimate_move
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.move_excess import MoveExcess, find_move_excess
from chalicelib.domain.launch.move_target import MoveRequest, build_move_target
from chalicelib.domain.offers.spot_price import find_lowest_spot_price

MOVE_ID_PREFIX = "move-"


@dataclass(frozen=True, kw_only=True)
class MoveService:
    """POST, GET and DELETE /instances/{name}/move. It records requests."""

    instances: InstanceService
    sizes: SizeFinder
    regions: tuple[str, ...]

    def estimate(self, actor: Actor, ref: str, request: MoveRequest) -> MoveEstimate:
        """Return how long a move takes and what it costs. Nothing is changed.

        :raises ValidationFailed: the instance cannot move there
        :raises NotFound: the instance does not exist, or the caller may not see it
        """
        actor.require_owner()
        instance = load_visible(self.instances.stores.instances, actor, ref)
        target, excess = self._build_target(instance, request)
        return self._estimate(instance, target, excess)

    def request(self, actor: Actor, ref: str, request: MoveRequest) -> tuple[Instance, MoveEstimate]:
        """Record that the instance is to be moved.

        :raises ValidationFailed: the instance cannot move there
        :raises Conflict: gpudesk is paused, the instance is not stopped, or a quota of EC2 is exceeded
        """
        self.instances.stores.desk.get_settings().require_not_paused("Instances can be moved")
        move_id, now = f"{MOVE_ID_PREFIX}{secrets.token_hex(8)}", self.instances.clock.now()
        estimates: list[MoveEstimate] = []

        def apply_request(instance: Instance) -> RecordChange:
            require_movable(instance, now)
            target, excess = self._build_target(instance, request)
            if excess:
                raise excess.build_conflict()
            estimates[:] = [self._estimate(instance, target)]
            return request_move(instance, move_id, target, actor, now)

        instance = self.instances.apply(actor, ref, apply_request)
        return instance, estimates[0]

    def cancel(self, actor: Actor, ref: str) -> Instance:
        """Cancel the move: the instance stays where it was, stopped.

        :raises Conflict: the instance does not move
        """
        now = self.instances.clock.now()
        return self.instances.apply(actor, ref, lambda instance: cancel_move(instance, actor, now))

    def _estimate(self, instance: Instance, target: MoveTarget, excess: MoveExcess | None = None) -> MoveEstimate:
        price = None
        if instance.spec.market is Market.SPOT:
            offerings = self.instances.stores.offers.get_many((target.region,))
            price = find_lowest_spot_price(offerings.get(target.region), target.hardware.instance_type)
        estimate = estimate_move(instance, target, self.sizes.catalog, price)
        return replace(estimate, quota_excess=excess.message if excess else None)

    def _build_target(self, instance: Instance, request: MoveRequest) -> tuple[MoveTarget, MoveExcess | None]:
        context = self.sizes.load_context(request.region or instance.spec.region)
        target = build_move_target(instance, request, context, self.regions)
        return target, find_move_excess(instance, target, context)

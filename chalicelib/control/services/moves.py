"""Move stopped instances: estimate, request, cancel. The control loop copies the disk and launches."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.control.services.instances import InstanceService
from chalicelib.control.size_finder import SizeFinder
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.commands.request_move import cancel_move, request_move, require_movable
from chalicelib.domain.instances.move_estimate import MoveEstimate, estimate_move
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.move_excess import find_move_excess
from chalicelib.domain.launch.move_target import MoveRequest, build_move_target, find_target_spot_price

MOVE_ID_PREFIX = "move-"


@dataclass(frozen=True, kw_only=True)
class MoveService:
    """POST, GET and DELETE /instances/{name}/move. It records requests."""

    instances: InstanceService
    sizes: SizeFinder
    regions: tuple[str, ...]

    def estimate(self, actor: Actor, ref: str, request: MoveRequest) -> MoveEstimate:
        """Return how long a move takes, what it costs, and which quota it exceeds. Nothing is changed.

        :raises NotFound: the instance does not exist, or the caller may not see it
        :raises ValidationFailed: the instance cannot move there
        :raises Conflict: as for `request`, except for a quota
        """
        estimates: list[MoveEstimate] = []
        self.instances.preview(actor, ref, self._build_command(actor, request, estimates, is_estimate=True))
        return estimates[-1]

    def request(self, actor: Actor, ref: str, request: MoveRequest) -> tuple[Instance, MoveEstimate]:
        """Record that the instance is to be moved.

        :raises NotFound: the instance does not exist, or the caller may not see it
        :raises ValidationFailed: the instance cannot move there
        :raises Conflict: gpudesk is paused, the instance cannot be moved now, a budget has not enough left, or a quota
            of EC2 is exceeded
        """
        estimates: list[MoveEstimate] = []
        instance = self.instances.apply(actor, ref, self._build_command(actor, request, estimates))
        return instance, estimates[-1]

    def cancel(self, actor: Actor, ref: str) -> Instance:
        """Cancel the move: the instance stays where it was, stopped.

        :raises Conflict: the instance does not move
        """
        now = self.instances.clock.now()
        return self.instances.apply(actor, ref, lambda instance: cancel_move(instance, actor, now))

    def _build_command(
        self, actor: Actor, request: MoveRequest, estimates: list[MoveEstimate], *, is_estimate: bool = False
    ) -> Callable[[Instance], RecordChange]:
        """Return the command that requests the move, after all checks. Each call adds its estimate.

        :param is_estimate: a move beyond a quota is not refused: its estimate says so
        :raises Conflict: gpudesk is paused
        """
        self.instances.stores.desk.get_settings().require_not_paused("Instances can be moved")
        move_id, now = f"{MOVE_ID_PREFIX}{secrets.token_hex(8)}", self.instances.clock.now()

        def apply_request(instance: Instance) -> RecordChange:
            require_movable(instance, now)
            context = self.sizes.load_context(request.region or instance.spec.region)
            target = build_move_target(instance, request, context, self.regions)
            excess = find_move_excess(instance, target, context)
            if excess and not is_estimate:
                raise excess.build_conflict()
            spot_price = find_target_spot_price(instance, target, context.offerings)
            estimate = estimate_move(instance, target, self.sizes.catalog, spot_price)
            estimates.append(replace(estimate, quota_excess=excess.message if excess else None))
            return request_move(instance, move_id, target, actor, now)

        return apply_request

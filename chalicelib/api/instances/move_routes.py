"""/instances/{name}/move: estimate, request and cancel the move of a stopped instance."""

from chalicelib.api.instances.move_views import (
    MoveBody,
    MoveEstimateView,
    MoveQuery,
    MovingInstanceView,
    to_estimate_view,
)
from chalicelib.api.instances.views import InstanceWithWarningsView, to_view_after_write
from chalicelib.api.parameters import INSTANCE_REF
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery
from chalicelib.api.route import BUDGET_TIMEOUT_SECONDS, Endpoint
from chalicelib.api.router import Router

router = Router("moves", "Move stopped instances to another zone or region.")


@router.route(Endpoint("GET", "/instances/{name}/move", INSTANCE_REF, timeout_seconds=BUDGET_TIMEOUT_SECONDS))
def estimate_move(call: RequestContext[EmptyModel, MoveQuery]) -> MoveEstimateView:
    """Return how long a move would take, what it would cost, and which quota it exceeds. Nothing is changed.

    A move that POST would refuse now for any other reason is refused with the same error.
    """
    return to_estimate_view(call.app.moves.estimate(call.actor, call.path_ref, call.query.to_request()))


@router.route(
    Endpoint("POST", "/instances/{name}/move", INSTANCE_REF, status=202, timeout_seconds=BUDGET_TIMEOUT_SECONDS)
)
def move_instance(call: RequestContext[MoveBody, OwnerQuery]) -> MovingInstanceView:
    """Move the stopped instance with its disk to another zone or region, under the same id and name.

    gpudesk copies the disk and launches from it; the former EC2 instance is kept until the new one is ready.
    `status.move` of GET /instances/{name} shows the progress. A move that exceeds a quota of EC2 is refused with 409.
    """
    instance, estimate = call.app.moves.request(call.actor, call.path_ref, call.body.to_request())
    view = to_view_after_write(instance, call.app.clock.now())
    return {**view, "estimate": to_estimate_view(estimate)}


@router.route(Endpoint("DELETE", "/instances/{name}/move", INSTANCE_REF, status=202))
def cancel_move(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceWithWarningsView:
    """Cancel the move. The instance stays where it was, stopped, and can be started there."""
    instance = call.app.moves.cancel(call.actor, call.path_ref)
    return to_view_after_write(instance, call.app.clock.now())

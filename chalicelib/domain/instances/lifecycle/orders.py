"""What a machine is to know: the desk's own copies, from the record."""

from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse, normalize_response
from chalicelib.domain.instances.record import ClaimAction, Instance


def expects_response(instance: Instance) -> bool:
    """Whether its machine is told what holds now. One that is being ended is not: a warning that were not among the
    orders any more would be passed on to its people as withdrawn, while it is acted on."""
    return instance.claim is None or instance.claim.action is ClaimAction.START


def build_response(instance: Instance, desk: DeskSettings) -> HeartbeatResponse:
    """The orders as they should stand; given where the machine's item holds others."""
    warned = instance.warning
    orders = HeartbeatResponse(
        mode=str(desk.mode),
        policy=instance.spec.policy.idle,
        keep_until=instance.lifetime.keep_until,
        warning=ActiveWarning(id=warned.id, warning_type=str(warned.warning_type), stop_at=warned.stop_at)
        if warned
        else None,
        keep_result=instance.keep_result,
    )
    return normalize_response(orders)

"""View of a move in progress."""

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import MoveStepText
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.instances.move_state import MoveState


class MoveStatusView(TypedDict):
    """A move in progress. `step` clean-up: the move has ended, and what it no longer needs is deleted."""

    step: MoveStepText
    step_since: str
    requested_by: str
    from_zone: str
    to_region: str
    to_zone: str | None
    instance_type: str


def to_move_status_view(move: MoveState | None) -> MoveStatusView | None:
    """Return the view of a move; None if the instance does not move."""
    if move is None:
        return None
    return {
        "step": str(move.step),
        "step_since": format_timestamp(move.step_since),
        "requested_by": move.requested_by,
        "from_zone": move.source_zone,
        "to_region": move.target.region,
        "to_zone": move.target.zone,
        "instance_type": move.target.hardware.instance_type,
    }

"""How long a step of a move may take."""

from datetime import datetime

from chalicelib.domain.common.deadlines import MOVE_IMAGE_DEADLINE, MOVE_LAUNCH_DEADLINE
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.lifecycle.plans import get_calling_since
from chalicelib.domain.instances.move_state import MoveState, MoveStep


def describe_overdue_step(move: MoveState, now: datetime, desk: DeskSettings) -> str | None:
    """Return that the step takes too long, as a sentence; None: there is time left.

    While gpudesk is paused, it makes no calls, so the time counts from the end of the pause.
    """
    lasted = now - get_calling_since(move.step_since, desk, now)
    match move.step:
        case MoveStep.IMAGE | MoveStep.COPY if lasted > MOVE_IMAGE_DEADLINE:
            return f"Its disk was not copied within {format_duration(MOVE_IMAGE_DEADLINE)}."
        case MoveStep.LAUNCH if lasted > MOVE_LAUNCH_DEADLINE:
            return f"It was not ready within {format_duration(MOVE_LAUNCH_DEADLINE)} of its launch there."
        case _:
            return None

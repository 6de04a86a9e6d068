"""The last change of the mode, which /desk and /healthz show."""

from typing_extensions import TypedDict

from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.desk.settings import ModeChange


class ModeChangeView(TypedDict):
    """The last change of the mode: when, and by whom; both are null until an admin changes it."""

    mode_changed_at: str | None
    mode_changed_by: str | None


def to_mode_change_view(change: ModeChange | None) -> ModeChangeView:
    """Return the view of the last change of the mode."""
    return {
        "mode_changed_at": format_timestamp(change.at) if change else None,
        "mode_changed_by": change.by if change else None,
    }

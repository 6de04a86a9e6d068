"""Views of /healthz."""

from typing_extensions import TypedDict


class HealthView(TypedDict):
    """The health of gpudesk: `status` is ok or sweep_overdue; `now` is the time of gpudesk's clock."""

    status: str
    now: str
    last_sweep_at: str | None

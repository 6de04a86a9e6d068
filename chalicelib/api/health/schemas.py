"""Views of /healthz."""

from typing_extensions import TypedDict


class HealthView(TypedDict):
    """Whether gpudesk works: `status` is ok or sweep_overdue; `now` is gpudesk's clock."""

    status: str
    now: str
    last_sweep_at: str | None

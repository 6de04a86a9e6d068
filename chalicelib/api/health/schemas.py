"""Views of /healthz."""

from chalicelib.api.code_schemas import HealthStatusText, ModeText
from chalicelib.api.desk.mode_views import ModeChangeView


class HealthView(ModeChangeView):
    """The health of gpudesk: `now` is the time of gpudesk's clock."""

    status: HealthStatusText
    now: str
    last_sweep_at: str | None
    mode: ModeText

"""/healthz: whether the scheduled sweep still completes."""

from http import HTTPStatus

from chalicelib.api.common_views import format_optional_timestamp
from chalicelib.api.desk.mode_views import to_mode_change_view
from chalicelib.api.health.schemas import HealthView
from chalicelib.api.router import Router
from chalicelib.control.application import Application
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_timestamp

router = Router("health", "Check that gpudesk works.")


def _choose_status(view: HealthView) -> int:
    return HTTPStatus.OK if view["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE


@router.public_get("/healthz", choose_status=_choose_status)
def show_health(app: Application) -> HealthView:
    """Return the health and the mode of gpudesk. No token is needed.

    The HTTP status is 503 with `sweep_overdue` if the scheduled sweep has not completed for 10 minutes.
    """
    health = app.queries.get_health()
    return {
        "status": str(EventCode.SWEEP_OVERDUE) if health.is_overdue else "ok",
        "now": format_timestamp(health.now),
        "last_sweep_at": format_optional_timestamp(health.last_sweep_at),
        "mode": str(health.mode),
        **to_mode_change_view(health.mode_change),
    }

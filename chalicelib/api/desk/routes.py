"""/desk: mode, defaults and limits, and the notification channels of the admins."""

from chalicelib.api.common_views import PageView, to_warnings_view
from chalicelib.api.desk.bodies import UpdateDeskBody
from chalicelib.api.desk.views import DeskChangedView, DeskView, to_desk_view
from chalicelib.api.instances.history_views import TimelineEntryView, to_entry_view
from chalicelib.api.pagination import to_page_view
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery, PageQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.domain.access.actor import Role
from chalicelib.domain.desk.settings import Mode

router = Router("desk", "Read and change the settings that apply to everyone.")


@router.route(Endpoint("GET", "/desk", needs_owner=False))
def show_desk(call: RequestContext[EmptyModel, OwnerQuery]) -> DeskView:
    """Return the desk's mode, defaults and limits."""
    settings = call.app.desk.get_settings()
    is_admin = call.actor.role is Role.ADMIN
    state = call.app.desk.find_email_state(settings) if is_admin else None
    return to_desk_view(settings, state, show_channels=is_admin)


@router.route(Endpoint("PATCH", "/desk", needs_owner=False))
def update_desk(call: RequestContext[UpdateDeskBody, OwnerQuery]) -> DeskChangedView:
    """Update the desk settings. Admins only."""
    changes = call.body.model_dump(exclude_unset=True)
    update = call.app.desk.update(
        call.actor,
        mode=Mode(changes["mode"]) if "mode" in changes else None,
        defaults=changes.get("defaults"),
        limits=call.body.build_limit_changes(),
        channels=changes.get("channels"),
        project_budgets=call.body.build_budget_changes(),
        logs={"log_group": changes["log_group"]} if "log_group" in changes else {},
    )
    return {
        **to_desk_view(update.settings, call.app.desk.find_email_state(update.settings), show_channels=True),
        "webhook_secret": update.webhook_secret,
        "warnings": to_warnings_view(update.warning),
    }


@router.route(Endpoint("GET", "/desk/timeline", needs_owner=False))
def show_desk_timeline(call: RequestContext[EmptyModel, PageQuery]) -> PageView[TimelineEntryView]:
    """List the changes of the desk settings, oldest first: when, by whom and what. Addresses are not shown."""
    query = call.query
    return to_page_view(call.app.desk.list_timeline(limit=query.limit, cursor=query.cursor), to_entry_view)

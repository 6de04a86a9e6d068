"""The history of an instance: its timeline and its notifications."""

from chalicelib.api.common_views import PageView
from chalicelib.api.instances.history_views import (
    NotificationView,
    TimelineEntryView,
    to_entry_view,
    to_notification_view,
)
from chalicelib.api.pagination import to_page_view
from chalicelib.api.parameters import INSTANCE_REF
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, PageQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router

router = Router("history", "Find out what was done with an instance, and who was notified.")


@router.route(
    Endpoint("GET", "/instances/{name}/timeline", INSTANCE_REF),
)
def show_timeline(call: RequestContext[EmptyModel, PageQuery]) -> PageView[TimelineEntryView]:
    """List what was done or decided about the instance, oldest first: when, by whom and why."""
    query = call.query
    page = call.app.queries.list_timeline(call.actor, call.path_ref, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, to_entry_view)


@router.route(
    Endpoint("GET", "/instances/{name}/notifications", INSTANCE_REF),
)
def list_notifications(call: RequestContext[EmptyModel, PageQuery]) -> PageView[NotificationView]:
    """List the notifications about the instance, newest first, with every delivery attempt."""
    query = call.query
    page = call.app.queries.list_notifications(call.actor, call.path_ref, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, to_notification_view)

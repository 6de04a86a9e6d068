"""/owners: the policy defaults and notification channels of an owner."""

from chalicelib.api.common_views import to_warnings_view
from chalicelib.api.owners.schemas import OwnerChangedView, OwnerView, UpdateOwnerBody, to_owner_view
from chalicelib.api.parameters import OWNER_REF
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router

router = Router("owners", "Set an owner's defaults and notification channels.")


@router.route(Endpoint("GET", "/owners/{owner}", OWNER_REF))
def show_owner(call: RequestContext[EmptyModel, OwnerQuery]) -> OwnerView:
    """Return an owner's settings. Users get their own; admins get those of any owner."""
    settings = call.app.owners.get(call.actor, call.path_ref)
    return to_owner_view(settings, call.app.owners.find_email_state(settings))


@router.route(Endpoint("PATCH", "/owners/{owner}", OWNER_REF))
def update_owner(call: RequestContext[UpdateOwnerBody, OwnerQuery]) -> OwnerChangedView:
    """Update an owner's settings within the limits. null resets a field to the desk default. Admins set the budget.

    Setting the e-mail address again, also the same one, repeats the request for its confirmation.
    """
    update = call.app.owners.update(call.actor, call.path_ref, call.body.to_changes())
    return {
        **to_owner_view(update.settings, call.app.owners.find_email_state(update.settings)),
        "webhook_secret": update.webhook_secret,
        "warnings": to_warnings_view(update.warning),
    }

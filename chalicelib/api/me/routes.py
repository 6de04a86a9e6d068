"""/me: the authenticated caller."""

from chalicelib.api.me.schemas import MeView
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery
from chalicelib.api.route import Endpoint
from chalicelib.api.router import Router
from chalicelib.domain.common.text import format_timestamp

router = Router("me", "Find out to whom a token belongs.")


@router.route(Endpoint("GET", "/me", needs_owner=False))
def show_me(call: RequestContext[EmptyModel, OwnerQuery]) -> MeView:
    """Return the authenticated caller."""
    return {
        "owner": call.caller.owner,
        "role": str(call.caller.role),
        "on_behalf_of": call.actor.effective_owner,
        "token": {"id": call.caller.token_id, "expires_at": format_timestamp(call.caller.expires_at)},
    }

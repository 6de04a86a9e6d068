"""Sessions: a shell, a forwarded port or ssh, without AWS credentials on the laptop; and commands to connect."""

from chalicelib.api.parameters import INSTANCE_REF
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery
from chalicelib.api.route import REQUEST_TIMEOUT_SECONDS, Endpoint
from chalicelib.api.router import Router
from chalicelib.api.sessions.schemas import (
    ConnectView,
    CredentialsBody,
    CredentialsView,
    SessionBody,
    SessionView,
    to_connect_view,
    to_credentials_view,
    to_session_view,
)
from chalicelib.domain.sessions.time_limit import MAX_TIMEOUT

AWS_CALLS_TIMEOUT_SECONDS = MAX_TIMEOUT + REQUEST_TIMEOUT_SECONDS
"""Such a request calls EC2, STS and SSM besides DynamoDB."""

router = Router("sessions", "Connect to an instance: a shell, Jupyter, a port or ssh.")


@router.route(
    Endpoint("POST", "/instances/{name}/sessions", INSTANCE_REF, status=201, timeout_seconds=AWS_CALLS_TIMEOUT_SECONDS),
)
def open_session(call: RequestContext[SessionBody, OwnerQuery]) -> SessionView:
    """Open a session to the running instance. The client needs no AWS credentials.

    tools/gpudesk-session calls this and passes the answer to AWS's session-manager-plugin, which signs its calls with
    `credentials`. They open, resume and end this session only, and expire after at most 1 hour. For kind ssh the public
    key is accepted for 60 seconds.
    """
    return to_session_view(call.app.sessions.open_session(call.actor, call.path_ref, call.body.to_request()))


@router.route(
    Endpoint(
        "POST",
        "/instances/{name}/sessions/credentials",
        INSTANCE_REF,
        timeout_seconds=AWS_CALLS_TIMEOUT_SECONDS,
    ),
)
def renew_session_credentials(call: RequestContext[CredentialsBody, OwnerQuery]) -> CredentialsView:
    """Return fresh credentials for an active session of the caller, valid for at most 1 hour.

    gpudesk checks the access to the instance again. 404 `session_not_found`: the session has ended; open a new one.
    """
    return to_credentials_view(call.app.sessions.renew_credentials(call.actor, call.path_ref, call.body.session_id))


@router.route(Endpoint("GET", "/instances/{name}/connect", INSTANCE_REF))
def get_connect_info(call: RequestContext[EmptyModel, OwnerQuery]) -> ConnectView:
    """Return commands and ~/.ssh/config lines that connect to the running instance.

    All of them require AWS's session-manager-plugin.
    """
    return to_connect_view(call.app.sessions.connect(call.actor, call.path_ref))

"""/instances: launch, list, update, stop, start, keep, set up and terminate instances."""

import hashlib
import re

from chalicelib.api.common_views import PageView
from chalicelib.api.instances.bodies import KeepBody, LaunchBody, SetupBody, StartBody, UpdateInstanceBody
from chalicelib.api.instances.views import (
    ConsequenceView,
    InstanceView,
    InstanceWithConsequencesView,
    InstanceWithWarningsView,
    to_snapshot_view,
    to_view_after_write,
)
from chalicelib.api.pagination import to_page_view
from chalicelib.api.parameters import INSTANCE_REF, HeaderParameter
from chalicelib.api.request_context import RequestContext
from chalicelib.api.request_models import EmptyModel, OwnerQuery, PageQuery
from chalicelib.api.route import BUDGET_TIMEOUT_SECONDS, Endpoint
from chalicelib.api.router import Router
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.instances.commands.consequences import list_consequences
from chalicelib.domain.instances.commands.keep import build_keep_reason
from chalicelib.domain.instances.commands.stop_start import build_request_reason, warn_of_mode, warn_of_type
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import DesiredState

router = Router("instances", "Launch GPU instances, and stop, start, keep and terminate them.")

IDEMPOTENCY_KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,255}")
IDEMPOTENCY_HEADER = HeaderParameter(
    "Idempotency-Key",
    "1 to 255 visible ASCII characters, e.g. a UUID. A repeated request with the same key returns the same instance.",
)


@router.route(
    Endpoint("POST", "/instances", status=202, headers=(IDEMPOTENCY_HEADER,), timeout_seconds=BUDGET_TIMEOUT_SECONDS),
)
def launch_instance(call: RequestContext[LaunchBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Launch an instance. A request with the same Idempotency-Key returns the same instance.

    gpudesk calls EC2 afterwards; GET /instances/{name} shows the progress until the phase is ready.
    """
    launched = call.app.launches.launch(
        call.actor, call.body.to_request(), key=_read_idempotency_key(call), body_digest=_compute_digest(call.body)
    )
    return to_view_after_write(launched.instance, call.app.clock.now(), *launched.warnings)


@router.route(Endpoint("GET", "/instances"))
def list_instances(call: RequestContext[EmptyModel, PageQuery]) -> PageView[InstanceView]:
    """List instances, newest first. Users get their own; admins get all, or those of one owner."""
    query = call.query
    page = call.app.queries.list_instances(call.actor, owner=query.owner, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, to_snapshot_view)


@router.route(Endpoint("GET", "/instances/{name}", INSTANCE_REF))
def show_instance(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceView:
    """Return an instance by its id or name. A name that only terminated instances have means the newest of them."""
    return to_snapshot_view(call.app.queries.get(call.actor, call.path_ref))


@router.route(
    Endpoint("PATCH", "/instances/{name}", INSTANCE_REF),
)
def update_instance(call: RequestContext[UpdateInstanceBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Update the idle policy, the maximum lifetime and the before-stop hook of the instance."""
    updated = call.app.instances.update_policy(call.actor, call.path_ref, call.body.to_override())
    return to_view_after_write(updated.instance, call.app.clock.now(), *updated.warnings)


@router.route(
    Endpoint("DELETE", "/instances/{name}", INSTANCE_REF, status=202),
)
def terminate_instance(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceWithConsequencesView:
    """Terminate the instance and delete its disk. `consequences` say what is deleted.

    gpudesk calls EC2 afterwards; GET /instances/{name} shows the progress.
    """
    return _to_view_after_request(call, call.app.instances.terminate(call.actor, call.path_ref))


@router.route(
    Endpoint("POST", "/instances/{name}/stop", INSTANCE_REF, status=202),
)
def stop_instance(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceWithConsequencesView:
    """Stop the instance. Its disk is retained and still billed. `consequences` say what that costs and deletes.

    gpudesk calls EC2 afterwards; GET /instances/{name} shows the progress.
    """
    return _to_view_after_request(call, call.app.instances.stop(call.actor, call.path_ref))


@router.route(
    Endpoint("POST", "/instances/{name}/start", INSTANCE_REF, status=202, timeout_seconds=BUDGET_TIMEOUT_SECONDS),
)
def start_instance(call: RequestContext[StartBody, OwnerQuery]) -> InstanceWithConsequencesView:
    """Start the stopped instance, if requested in another size, and wait for capacity if AWS has none.

    gpudesk calls EC2 afterwards; `status.start` of GET /instances/{name} shows what a start waits for. Until the
    instance runs, another request changes the options. A start that exceeds a quota of EC2 is refused with 409.
    """
    body = call.body
    started = call.app.starts.start(
        call.actor, call.path_ref, wait_until=body.wait_until, instance_type=body.instance_type
    )
    return _to_view_after_request(call, started)


@router.route(
    Endpoint("POST", "/instances/{name}/keep", INSTANCE_REF, status=202),
)
def keep_instance(call: RequestContext[KeepBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Keep the instance running for a number of hours or until a time, even if it is idle.

    `reason` of the answer says until when; that is later than requested if a longer keep was granted before.
    """
    instance = call.app.instances.keep(call.actor, call.path_ref, hours=call.body.hours, until=call.body.until)
    no_channel = call.app.owners.warn_if_unreachable(instance.owner, call.app.desk.get_settings())
    return to_view_after_write(instance, call.app.clock.now(), no_channel, reason=build_keep_reason(instance))


@router.route(
    Endpoint("POST", "/instances/{name}/setup", INSTANCE_REF, status=202),
)
def set_up_instance(call: RequestContext[SetupBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Run the recipe again or add another recipe, while the instance is ready or after its setup failed.

    gpudesk runs it afterwards; `status.setup` of GET /instances/{name} shows the progress.
    """
    granted = call.app.setup.run(
        call.actor, call.path_ref, recipe=call.body.recipe, parameters=call.body.parameters or {}
    )
    return to_view_after_write(granted.instance, call.app.clock.now(), *granted.warnings)


def _to_view_after_request(
    call: RequestContext[EmptyModel, OwnerQuery] | RequestContext[StartBody, OwnerQuery], instance: Instance
) -> InstanceWithConsequencesView:
    """Return the answer to a request for another state. Its `reason` is about the request, not about the past."""
    desk = call.app.desk.get_settings()
    warning, reason = warn_of_mode(instance, desk.mode), build_request_reason(instance)
    is_ended = instance.spec.desired is DesiredState.TERMINATED
    no_channel = None if is_ended else call.app.owners.warn_if_unreachable(instance.owner, desk)
    view = to_view_after_write(
        instance, call.app.clock.now(), warning, warn_of_type(instance), no_channel, reason=reason
    )
    consequences: list[ConsequenceView] = [
        {"code": each.code.value, "message": each.message}
        for each in list_consequences(instance, call.app.instances.describe_start_outlook(instance))
    ]
    return {**view, "consequences": consequences}


def _read_idempotency_key(call: RequestContext[LaunchBody, OwnerQuery]) -> str | None:
    key = call.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY_PATTERN.fullmatch(key):
        message = "must be 1 to 255 visible ASCII characters, e.g. a UUID"
        wrong = FieldError(IDEMPOTENCY_HEADER.name, message)
        raise ValidationFailed(f"The header Idempotency-Key {message}.", errors=(wrong,))
    return key


def _compute_digest(body: LaunchBody) -> str:
    """Return a digest of the body without `owner` and null fields.

    White space and the order of fields do not change the digest. Neither do new fields that the request leaves out.
    """
    return hashlib.sha256(body.model_dump_json(exclude_none=True, exclude={"owner"}).encode()).hexdigest()

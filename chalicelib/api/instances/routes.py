"""/instances: asking for them, changing them, getting into them, and their story."""

import hashlib
import re
from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.api.common_schemas import EmptyModel
from chalicelib.api.forms.policy import IdlePolicyBody
from chalicelib.api.forms.queries import OwnerQuery, PageQuery
from chalicelib.api.instances.bodies import KeepBody, LaunchBody, SessionBody, SetupBody, UpdateInstanceBody
from chalicelib.api.instances.views import InstanceView, InstanceWithWarningsView, to_instance_view
from chalicelib.api.pagination import to_page_view
from chalicelib.api.routing import RequestContext, Router
from chalicelib.api.views.values import PageView, to_reason_view, to_warnings_view
from chalicelib.control.services.queries import InstanceSnapshot
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.commands.keep import keep_reason
from chalicelib.domain.instances.commands.stop_start import paused_warning_for
from chalicelib.domain.instances.metering import compute_cost
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.notifications.notification import Notification
from chalicelib.domain.sessions.session import SessionKind, SessionRequest
from chalicelib.domain.write_warnings import WriteWarning

router = Router()

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@router.route("POST", "/instances", takes=LaunchBody, asks=OwnerQuery, gives=InstanceWithWarningsView, status=202)
def launch_instance(call: RequestContext[LaunchBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Launch an instance. A request with the same Idempotency-Key returns the same instance."""
    form, policy = call.body, call.body.idle_policy or IdlePolicyBody()
    request = LaunchRequest(
        gpu=form.gpu,
        gpu_count=form.gpu_count,
        instance_type=form.instance_type,
        region=form.region,
        market=form.market,
        recipe=form.recipe,
        parameters=form.parameters or {},
        image=form.image,
        disk_gib=form.disk_gib,
        name=form.name,
        project=form.project,
        tags=form.tags or {},
        policy=policy.to_override(form.max_hours),
    )
    granted = call.app.launches.launch(call.actor, request, key=_idempotency_key(call), body_digest=_digest(form))
    return view_after_write(granted.instance, call.app.clock.now(), *granted.warnings)


@router.route("GET", "/instances", takes=EmptyModel, asks=PageQuery, gives=PageView[InstanceView])
def list_instances(call: RequestContext[EmptyModel, PageQuery]) -> PageView[InstanceView]:
    """List instances, newest first: the caller's own; for admins all, or those of one owner."""
    query = call.query
    page = call.app.queries.list_instances(call.actor, owner=query.owner, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, to_instance_view)


@router.route("GET", "/instances/{name}", takes=EmptyModel, asks=OwnerQuery, gives=InstanceView)
def show_instance(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceView:
    """Return an instance by its id, or by its name while it is not terminated."""
    return to_instance_view(call.app.queries.get(call.actor, call.path_ref))


@router.route("PATCH", "/instances/{name}", takes=UpdateInstanceBody, asks=OwnerQuery, gives=InstanceWithWarningsView)
def update_instance(call: RequestContext[UpdateInstanceBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Update the idle policy and the maximum lifetime of the instance."""
    policy = call.body.idle_policy or IdlePolicyBody()
    amended = call.app.instances.update_policy(call.actor, call.path_ref, policy.to_override(call.body.max_hours))
    return view_after_write(amended, call.app.clock.now())


@router.route(
    "DELETE", "/instances/{name}", takes=EmptyModel, asks=OwnerQuery, gives=InstanceWithWarningsView, status=202
)
def terminate_instance(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceWithWarningsView:
    """Terminate the instance and delete its disk. gpudesk calls EC2 afterwards; GET shows the progress."""
    return _with_pause_warning(call, call.app.instances.terminate(call.actor, call.path_ref))


@router.route(
    "POST", "/instances/{name}/stop", takes=EmptyModel, asks=OwnerQuery, gives=InstanceWithWarningsView, status=202
)
def stop_instance(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceWithWarningsView:
    """Stop the instance. Its disk is retained and still billed."""
    return _with_pause_warning(call, call.app.instances.stop(call.actor, call.path_ref))


@router.route(
    "POST", "/instances/{name}/start", takes=EmptyModel, asks=OwnerQuery, gives=InstanceWithWarningsView, status=202
)
def start_instance(call: RequestContext[EmptyModel, OwnerQuery]) -> InstanceWithWarningsView:
    """Start the stopped instance. gpudesk calls EC2 afterwards; GET shows the progress."""
    return view_after_write(call.app.instances.start(call.actor, call.path_ref), call.app.clock.now())


@router.route(
    "POST", "/instances/{name}/keep", takes=KeepBody, asks=OwnerQuery, gives=InstanceWithWarningsView, status=202
)
def keep_instance(call: RequestContext[KeepBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Keep the instance running for a number of hours or until a time, even if it is idle.

    `reason` of the answer says until when; that is later than requested if a longer keep was granted before.
    """
    kept = call.app.instances.keep(call.actor, call.path_ref, hours=call.body.hours, until=call.body.until)
    return {**view_after_write(kept, call.app.clock.now()), "reason": to_reason_view(keep_reason(kept))}


@router.route(
    "POST", "/instances/{name}/setup", takes=SetupBody, asks=OwnerQuery, gives=InstanceWithWarningsView, status=202
)
def set_up_instance(call: RequestContext[SetupBody, OwnerQuery]) -> InstanceWithWarningsView:
    """Run the recipe again or add another recipe, while the instance is ready or after its setup failed."""
    granted = call.app.setup.run(
        call.actor, call.path_ref, recipe=call.body.recipe, parameters=call.body.parameters or {}
    )
    return view_after_write(granted.instance, call.app.clock.now(), *granted.warnings)


class SessionView(TypedDict):
    """An SSM session that is open: session-manager-plugin takes the last three as StartSession's answer.

    The token is in this answer and nowhere else.
    """

    kind: str
    document: str
    region: str
    instance_id: str
    local_port: int | None
    session_id: str
    stream_url: str
    token: str


@router.route("POST", "/instances/{name}/sessions", takes=SessionBody, asks=OwnerQuery, gives=SessionView, status=201)
def open_session(call: RequestContext[SessionBody, OwnerQuery]) -> SessionView:
    """Open a session, for a laptop that needs no AWS credentials."""
    asked = call.body
    wish = SessionRequest(
        kind=SessionKind(asked.kind), port=asked.port, local_port=asked.local_port, public_key=asked.public_key
    )
    opened = call.app.sessions.open_session(call.actor, call.path_ref, wish)
    return {
        "kind": str(opened.plan.kind),
        "document": opened.plan.document,
        "region": opened.region,
        "instance_id": opened.instance_id,
        "local_port": opened.plan.local_port,
        "session_id": opened.session.session_id,
        "stream_url": opened.session.stream_url,
        "token": opened.session.token,
    }


class ConnectCommandView(TypedDict):
    """What it does, and the line to paste."""

    title: str
    command: str


class SshConfigView(TypedDict):
    """For whom it is, and lines for ~/.ssh/config."""

    title: str
    lines: list[str]


class ConnectView(TypedDict):
    """Commands for those who have AWS credentials; ssh for editors and file copies, with or without them."""

    commands: list[ConnectCommandView]
    ssh_configs: list[SshConfigView]


@router.route("GET", "/instances/{name}/connect", takes=EmptyModel, asks=OwnerQuery, gives=ConnectView)
def get_connect_info(call: RequestContext[EmptyModel, OwnerQuery]) -> ConnectView:
    """Ready to paste: commands, and lines for ~/.ssh/config. All of them need the session-manager-plugin."""
    ways = call.app.sessions.connect(call.actor, call.path_ref)
    return {
        "commands": [{"title": command.title, "command": command.command} for command in ways.commands],
        "ssh_configs": [
            {"title": ssh_config.title, "lines": list(ssh_config.lines)} for ssh_config in ways.ssh_configs
        ],
    }


class TimelineEntryView(TypedDict):
    """An entry of the timeline: what was done or decided, by whom and why."""

    at: str
    actor: str
    code: str
    message: str
    details: dict[str, str]


@router.route("GET", "/instances/{name}/timeline", takes=EmptyModel, asks=PageQuery, gives=PageView[TimelineEntryView])
def show_timeline(call: RequestContext[EmptyModel, PageQuery]) -> PageView[TimelineEntryView]:
    """List what was done or decided about the instance, oldest first: when, by whom, why, on what evidence."""
    query = call.query
    page = call.app.queries.timeline(call.actor, call.path_ref, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, _to_entry_view)


def _to_entry_view(entry: TimelineEntry) -> TimelineEntryView:
    return {
        "at": format_timestamp(entry.at),
        "actor": entry.actor,
        "code": str(entry.code),
        "message": entry.message,
        "details": dict(entry.details),
    }


class DeliveryAttemptView(TypedDict):
    """One attempt to deliver; `detail` is the answer of the channel."""

    at: str
    succeeded: bool
    detail: str


class DeliveryView(TypedDict):
    """The delivery of a notification on one channel; `state` is pending, delivered or failed."""

    channel: str
    state: str
    attempts: list[DeliveryAttemptView]


class NotificationView(TypedDict):
    """A notification and its deliveries."""

    id: str
    at: str
    code: str
    message: str
    deliveries: list[DeliveryView]


@router.route(
    "GET", "/instances/{name}/notifications", takes=EmptyModel, asks=PageQuery, gives=PageView[NotificationView]
)
def list_notifications(call: RequestContext[EmptyModel, PageQuery]) -> PageView[NotificationView]:
    """List the notifications about the instance, newest first, with every delivery attempt."""
    query = call.query
    page = call.app.queries.list_notifications(call.actor, call.path_ref, limit=query.limit, cursor=query.cursor)
    return to_page_view(page, _notice)


def _notice(notice: Notification) -> NotificationView:
    return {
        "id": notice.id,
        "at": format_timestamp(notice.at),
        "code": str(notice.code),
        "message": notice.message,
        "deliveries": [
            {
                "channel": channel,
                "state": str(delivery.state),
                "attempts": [
                    {"at": format_timestamp(attempt.at), "succeeded": attempt.succeeded, "detail": attempt.detail}
                    for attempt in delivery.attempts
                ],
            }
            for channel, delivery in notice.deliveries.items()
        ],
    }


def view_after_write(instance: Instance, now: datetime, *warnings: WriteWarning | None) -> InstanceWithWarningsView:
    """Return the answer to a write: the instance without its activity, which only GET determines, and warnings."""
    view = to_instance_view(InstanceSnapshot(instance, None, compute_cost(instance, now)))
    return {**view, "warnings": to_warnings_view(*warnings)}


def _with_pause_warning(call: RequestContext[EmptyModel, OwnerQuery], instance: Instance) -> InstanceWithWarningsView:
    mode = call.app.desk.settings().mode
    return view_after_write(instance, call.app.clock.now(), paused_warning_for(instance, mode))


def _idempotency_key(call: RequestContext[LaunchBody, OwnerQuery]) -> str | None:
    key = call.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        right = "must be 1 to 255 visible ASCII characters, e.g. a UUID"
        raise ValidationFailed(f"the Idempotency-Key {right}", errors=(FieldError("Idempotency-Key", right),))
    return key


def _digest(form: LaunchBody) -> str:
    """Of what was meant, not of how it was spelt; for whom it is asked is no part of it.

    Nor is what was not said, so that a field that comes with a new version makes no old wish another one.
    """
    return hashlib.sha256(form.model_dump_json(exclude_none=True, exclude={"owner"}).encode()).hexdigest()

"""/instances: asking for them, changing them, getting into them, and their story."""

import hashlib
import re
from datetime import datetime

from typing_extensions import TypedDict

from chalicelib.api.forms.base import Nothing
from chalicelib.api.forms.instances import AmendForm, KeepForm, LaunchForm, SessionForm, SetupForm
from chalicelib.api.forms.policy import IdlePolicyForm
from chalicelib.api.forms.queries import Asking, Listing
from chalicelib.api.routes import Call, Routes
from chalicelib.api.views.instance import InstanceView, InstanceWithWarningsView, instance_view
from chalicelib.api.views.values import Page, moment, reason_view, warnings_view
from chalicelib.control.requests.reading import Shown
from chalicelib.domain.asks import LaunchAsk
from chalicelib.domain.cost import cost_so_far
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.instance import Instance
from chalicelib.domain.lifecycle.keeping import keep_reason
from chalicelib.domain.notices import Notice
from chalicelib.domain.sessions import SessionKind, SessionWish
from chalicelib.domain.wishes import what_waits
from chalicelib.domain.write_warnings import WriteWarning

routes = Routes()

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@routes.add("POST", "/instances", takes=LaunchForm, asks=Asking, gives=InstanceWithWarningsView, status=202)
def launch_instance(call: Call[LaunchForm, Asking]) -> InstanceWithWarningsView:
    """Launch an instance. A request with the same Idempotency-Key returns the same instance."""
    form, policy = call.body, call.body.idle_policy or IdlePolicyForm()
    ask = LaunchAsk(
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
        policy=policy.ask(form.max_hours),
    )
    granted = call.desk.requests.launching.launch(
        call.actor, ask, key=_idempotency_key(call), body_digest=_digest(form)
    )
    return written(granted.instance, call.desk.clock.now(), *granted.warnings)


@routes.add("GET", "/instances", takes=Nothing, asks=Listing, gives=Page[InstanceView])
def list_instances(call: Call[Nothing, Listing]) -> Page[InstanceView]:
    """List instances, newest first: the caller's own; for admins all, or those of one owner."""
    query = call.query
    shown, cursor = call.desk.requests.reading.list_instances(
        call.actor, owner=query.owner, limit=query.limit, cursor=query.cursor
    )
    return {"items": [instance_view(each) for each in shown], "next_cursor": cursor}


@routes.add("GET", "/instances/{name}", takes=Nothing, asks=Asking, gives=InstanceView)
def show_instance(call: Call[Nothing, Asking]) -> InstanceView:
    """Return an instance by its id, or by its name while it is not terminated."""
    return instance_view(call.desk.requests.reading.show(call.actor, call.ref))


@routes.add("PATCH", "/instances/{name}", takes=AmendForm, asks=Asking, gives=InstanceWithWarningsView)
def amend_instance(call: Call[AmendForm, Asking]) -> InstanceWithWarningsView:
    """Update the idle policy and the maximum lifetime of the instance."""
    policy = call.body.idle_policy or IdlePolicyForm()
    amended = call.desk.requests.changing.amend(call.actor, call.ref, policy.ask(call.body.max_hours))
    return written(amended, call.desk.clock.now())


@routes.add("DELETE", "/instances/{name}", takes=Nothing, asks=Asking, gives=InstanceWithWarningsView, status=202)
def terminate_instance(call: Call[Nothing, Asking]) -> InstanceWithWarningsView:
    """Terminate the instance and delete its disk. gpudesk calls EC2 afterwards; GET shows the progress."""
    return _asked(call, call.desk.requests.changing.terminate(call.actor, call.ref))


@routes.add("POST", "/instances/{name}/stop", takes=Nothing, asks=Asking, gives=InstanceWithWarningsView, status=202)
def stop_instance(call: Call[Nothing, Asking]) -> InstanceWithWarningsView:
    """Stop the instance. Its disk is retained and still billed."""
    return _asked(call, call.desk.requests.changing.stop(call.actor, call.ref))


@routes.add("POST", "/instances/{name}/start", takes=Nothing, asks=Asking, gives=InstanceWithWarningsView, status=202)
def start_instance(call: Call[Nothing, Asking]) -> InstanceWithWarningsView:
    """Start the stopped instance. gpudesk calls EC2 afterwards; GET shows the progress."""
    return written(call.desk.requests.changing.start(call.actor, call.ref), call.desk.clock.now())


@routes.add("POST", "/instances/{name}/keep", takes=KeepForm, asks=Asking, gives=InstanceWithWarningsView, status=202)
def keep_instance(call: Call[KeepForm, Asking]) -> InstanceWithWarningsView:
    """Keep the instance running for a number of hours or until a time, even if it is idle.

    `reason` of the answer says until when; that is later than requested if a longer keep was granted before.
    """
    kept = call.desk.requests.changing.keep(call.actor, call.ref, hours=call.body.hours, until=call.body.until)
    return {**written(kept, call.desk.clock.now()), "reason": reason_view(keep_reason(kept))}


@routes.add("POST", "/instances/{name}/setup", takes=SetupForm, asks=Asking, gives=InstanceWithWarningsView, status=202)
def set_up_instance(call: Call[SetupForm, Asking]) -> InstanceWithWarningsView:
    """Run the recipe again or add another recipe, while the instance is ready or after its setup failed."""
    granted = call.desk.requests.setting_up.set_up(
        call.actor, call.ref, recipe=call.body.recipe, parameters=call.body.parameters or {}
    )
    return written(granted.instance, call.desk.clock.now(), *granted.warnings)


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


@routes.add("POST", "/instances/{name}/sessions", takes=SessionForm, asks=Asking, gives=SessionView, status=201)
def open_session(call: Call[SessionForm, Asking]) -> SessionView:
    """Open a session, for a laptop that needs no AWS credentials."""
    asked = call.body
    wish = SessionWish(
        kind=SessionKind(asked.kind), port=asked.port, local_port=asked.local_port, public_key=asked.public_key
    )
    opened = call.desk.requests.sessions.open_session(call.actor, call.ref, wish)
    return {
        "kind": str(opened.way.kind),
        "document": opened.way.document,
        "region": opened.region,
        "instance_id": opened.instance_id,
        "local_port": opened.way.local_port,
        "session_id": opened.session.session_id,
        "stream_url": opened.session.stream_url,
        "token": opened.session.token,
    }


class CommandView(TypedDict):
    """What it does, and the line to paste."""

    title: str
    command: str


class SshConfigView(TypedDict):
    """For whom it is, and lines for ~/.ssh/config."""

    title: str
    lines: list[str]


class ConnectView(TypedDict):
    """Commands for those who have AWS credentials; ssh for editors and file copies, with or without them."""

    commands: list[CommandView]
    ssh_configs: list[SshConfigView]


@routes.add("GET", "/instances/{name}/connect", takes=Nothing, asks=Asking, gives=ConnectView)
def connect_to_instance(call: Call[Nothing, Asking]) -> ConnectView:
    """Ready to paste: commands, and lines for ~/.ssh/config. All of them need the session-manager-plugin."""
    ways = call.desk.requests.sessions.connect(call.actor, call.ref)
    return {
        "commands": [{"title": each.title, "command": each.command} for each in ways.commands],
        "ssh_configs": [{"title": each.title, "lines": list(each.lines)} for each in ways.ssh_configs],
    }


class EntryView(TypedDict):
    """An entry of the timeline: what was done or decided, by whom and why."""

    at: str
    actor: str
    code: str
    message: str
    details: dict[str, str]


@routes.add("GET", "/instances/{name}/timeline", takes=Nothing, asks=Listing, gives=Page[EntryView])
def show_timeline(call: Call[Nothing, Listing]) -> Page[EntryView]:
    """List what was done or decided about the instance, oldest first: when, by whom, why, on what evidence."""
    query = call.query
    entries, cursor = call.desk.requests.reading.timeline(call.actor, call.ref, limit=query.limit, cursor=query.cursor)
    items: list[EntryView] = [
        {
            "at": moment(each.at),
            "actor": each.actor,
            "code": str(each.code),
            "message": each.sentence,
            "details": dict(each.details),
        }
        for each in entries
    ]
    return {"items": items, "next_cursor": cursor}


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


@routes.add("GET", "/instances/{name}/notifications", takes=Nothing, asks=Listing, gives=Page[NotificationView])
def list_notifications(call: Call[Nothing, Listing]) -> Page[NotificationView]:
    """List the notifications about the instance, newest first, with every delivery attempt."""
    query = call.query
    notices, cursor = call.desk.requests.reading.notices_of(
        call.actor, call.ref, limit=query.limit, cursor=query.cursor
    )
    return {"items": [_notice(each) for each in notices], "next_cursor": cursor}


def _notice(notice: Notice) -> NotificationView:
    return {
        "id": notice.id,
        "at": moment(notice.at),
        "code": str(notice.code),
        "message": notice.sentence,
        "deliveries": [
            {
                "channel": channel,
                "state": str(delivery.state),
                "attempts": [
                    {"at": moment(each.at), "succeeded": each.succeeded, "detail": each.detail}
                    for each in delivery.tries
                ],
            }
            for channel, delivery in notice.deliveries.items()
        ],
    }


def written(instance: Instance, now: datetime, *warnings: WriteWarning | None) -> InstanceWithWarningsView:
    """Return the answer to a write: the instance without its activity, which only GET determines, and warnings."""
    view = instance_view(Shown(instance, None, cost_so_far(instance, now)))
    return {**view, "warnings": warnings_view(*warnings)}


def _asked(call: Call[Nothing, Asking], instance: Instance) -> InstanceWithWarningsView:
    mode = call.desk.requests.administration.settings().mode
    return written(instance, call.desk.clock.now(), what_waits(instance, mode))


def _idempotency_key(call: Call[LaunchForm, Asking]) -> str | None:
    key = call.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        right = "must be 1 to 255 visible ASCII characters, e.g. a UUID"
        raise Invalid(f"the Idempotency-Key {right}", errors=(FieldError("Idempotency-Key", right),))
    return key


def _digest(form: LaunchForm) -> str:
    """Of what was meant, not of how it was spelt; for whom it is asked is no part of it.

    Nor is what was not said, so that a field that comes with a new version makes no old wish another one.
    """
    return hashlib.sha256(form.model_dump_json(exclude_none=True, exclude={"owner"}).encode()).hexdigest()

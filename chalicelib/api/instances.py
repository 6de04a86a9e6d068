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
from chalicelib.api.views.instance import AskedView, InstanceView, LaunchedView, instance_view
from chalicelib.api.views.values import Page, moment
from chalicelib.control.requests.reading import Shown
from chalicelib.domain.asks import LaunchAsk
from chalicelib.domain.cost import cost_so_far
from chalicelib.domain.errors import FieldError, Invalid
from chalicelib.domain.instance import Instance
from chalicelib.domain.notices import Notice
from chalicelib.domain.sessions import SessionKind, SessionWish
from chalicelib.domain.wishes import what_waits

routes = Routes()

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@routes.add("POST", "/instances", takes=LaunchForm, asks=Asking, gives=LaunchedView, status=202)
def launch_instance(call: Call[LaunchForm, Asking]) -> LaunchedView:
    """Ask for an instance. The same Idempotency-Key again is answered with the same instance."""
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
    return {**written(granted.instance, call.desk.clock.now()), "notice": granted.notice}


@routes.add("GET", "/instances", takes=Nothing, asks=Listing, gives=Page[InstanceView])
def list_instances(call: Call[Nothing, Listing]) -> Page[InstanceView]:
    """Instances, newest first: one's own; an admin sees all, or one owner's."""
    query = call.query
    shown, cursor = call.desk.requests.reading.list_instances(
        call.actor, owner=query.owner, limit=query.limit, cursor=query.cursor
    )
    return {"items": [instance_view(each) for each in shown], "next_cursor": cursor}


@routes.add("GET", "/instances/{name}", takes=Nothing, asks=Asking, gives=InstanceView)
def show_instance(call: Call[Nothing, Asking]) -> InstanceView:
    """One instance, by its name while it lives or by its id."""
    return instance_view(call.desk.requests.reading.show(call.actor, call.ref))


@routes.add("PATCH", "/instances/{name}", takes=AmendForm, asks=Asking, gives=InstanceView)
def amend_instance(call: Call[AmendForm, Asking]) -> InstanceView:
    """Change its idle policy and how long it may live."""
    policy = call.body.idle_policy or IdlePolicyForm()
    amended = call.desk.requests.changing.amend(call.actor, call.ref, policy.ask(call.body.max_hours))
    return written(amended, call.desk.clock.now())


@routes.add("DELETE", "/instances/{name}", takes=Nothing, asks=Asking, gives=AskedView, status=202)
def terminate_instance(call: Call[Nothing, Asking]) -> AskedView:
    """Terminate it; its disk goes with it."""
    return _asked(call, call.desk.requests.changing.terminate(call.actor, call.ref))


@routes.add("POST", "/instances/{name}/stop", takes=Nothing, asks=Asking, gives=AskedView, status=202)
def stop_instance(call: Call[Nothing, Asking]) -> AskedView:
    """Stop it; its disk stays, and is paid for."""
    return _asked(call, call.desk.requests.changing.stop(call.actor, call.ref))


@routes.add("POST", "/instances/{name}/start", takes=Nothing, asks=Asking, gives=InstanceView, status=202)
def start_instance(call: Call[Nothing, Asking]) -> InstanceView:
    """Start it again."""
    return written(call.desk.requests.changing.start(call.actor, call.ref), call.desk.clock.now())


@routes.add("POST", "/instances/{name}/keep", takes=KeepForm, asks=Asking, gives=InstanceView, status=202)
def keep_instance(call: Call[KeepForm, Asking]) -> InstanceView:
    """Leave it running for a while, idle or not."""
    kept = call.desk.requests.changing.keep(call.actor, call.ref, hours=call.body.hours, until=call.body.until)
    return written(kept, call.desk.clock.now())


@routes.add("POST", "/instances/{name}/setup", takes=SetupForm, asks=Asking, gives=LaunchedView, status=202)
def set_up_instance(call: Call[SetupForm, Asking]) -> LaunchedView:
    """Run its recipe again, or add another one, while it is ready, or after its setup failed."""
    granted = call.desk.requests.setting_up.set_up(
        call.actor, call.ref, recipe=call.body.recipe, parameters=call.body.parameters or {}
    )
    return {**written(granted.instance, call.desk.clock.now()), "notice": granted.notice}


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
    """A line of the timeline."""

    at: str
    actor: str
    code: str
    sentence: str
    details: dict[str, str]


@routes.add("GET", "/instances/{name}/timeline", takes=Nothing, asks=Listing, gives=Page[EntryView])
def show_timeline(call: Call[Nothing, Listing]) -> Page[EntryView]:
    """What was done or decided about it, oldest first: when, by whom, why, on what evidence."""
    query = call.query
    entries, cursor = call.desk.requests.reading.timeline(call.actor, call.ref, limit=query.limit, cursor=query.cursor)
    items: list[EntryView] = [
        {
            "at": moment(each.at),
            "actor": each.actor,
            "code": str(each.code),
            "sentence": each.sentence,
            "details": dict(each.details),
        }
        for each in entries
    ]
    return {"items": items, "next_cursor": cursor}


class TryView(TypedDict):
    """One attempt to deliver, and what the channel said."""

    at: str
    succeeded: bool
    detail: str


class DeliveryView(TypedDict):
    """A notice's way on one channel: pending, delivered or failed."""

    channel: str
    state: str
    tries: list[TryView]


class NoticeView(TypedDict):
    """Something that people were told, and by what."""

    id: str
    at: str
    code: str
    sentence: str
    deliveries: list[DeliveryView]


@routes.add("GET", "/instances/{name}/notices", takes=Nothing, asks=Listing, gives=Page[NoticeView])
def list_notices(call: Call[Nothing, Listing]) -> Page[NoticeView]:
    """The delivery log: what people were told of it, newest first, by which channel, with every try."""
    query = call.query
    notices, cursor = call.desk.requests.reading.notices_of(
        call.actor, call.ref, limit=query.limit, cursor=query.cursor
    )
    return {"items": [_notice(each) for each in notices], "next_cursor": cursor}


def _notice(notice: Notice) -> NoticeView:
    return {
        "id": notice.id,
        "at": moment(notice.at),
        "code": str(notice.code),
        "sentence": notice.sentence,
        "deliveries": [
            {
                "channel": channel,
                "state": str(delivery.state),
                "tries": [
                    {"at": moment(each.at), "succeeded": each.succeeded, "detail": each.detail}
                    for each in delivery.tries
                ],
            }
            for channel, delivery in notice.deliveries.items()
        ],
    }


def written(instance: Instance, now: datetime) -> InstanceView:
    """An instance right after a write; whether it is in use is for GET to find out."""
    return instance_view(Shown(instance, None, cost_so_far(instance, now)))


def _asked(call: Call[Nothing, Asking], instance: Instance) -> AskedView:
    mode = call.desk.requests.administration.settings().mode
    return {**written(instance, call.desk.clock.now()), "notice": what_waits(instance, mode)}


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

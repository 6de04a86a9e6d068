"""What people and their clients can ask for. Reads and writes DynamoDB; AWS is left to the loop.

The one exception is opening a session, which has to happen while the person waits.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from chalicelib.aws.ssm import Session, Ssm
from chalicelib.control.sweep import LEASE
from chalicelib.domain import wishes
from chalicelib.domain.actors import Actor, no_such
from chalicelib.domain.asks import LaunchAsk, PolicyAsk, complete, policy_errors, refused
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.clock import Clock
from chalicelib.domain.connect import Command, commands
from chalicelib.domain.cost import DayCost, cost_so_far, open_segment, per_day
from chalicelib.domain.desk import Ceilings, Defaults, DeskSettings, Mode
from chalicelib.domain.errors import CloudError, Conflict, FieldError, Invalid
from chalicelib.domain.idle import Judgement
from chalicelib.domain.instance import Ec2State, IdlePolicy, Instance, Phase, Setup
from chalicelib.domain.lifecycle.ready import activity
from chalicelib.domain.lifecycle.rules import because, entry, heartbeat_key
from chalicelib.domain.names import Words, friendly_name
from chalicelib.domain.observation import Absent, Observation
from chalicelib.domain.plan import Entry
from chalicelib.domain.recipes import Recipe
from chalicelib.domain.timings import IDEMPOTENCY_KEPT, SAME_WISH
from chalicelib.domain.wishes import Wanted
from chalicelib.settings import Settings
from chalicelib.store.desk import DeskStore
from chalicelib.store.heartbeats import Heartbeats
from chalicelib.store.instances import (
    BadCursor,
    Broken,
    Instances,
    Launched,
    LaunchResult,
    LimitReached,
    NameTaken,
    SameWish,
    Stale,
    Wish,
)
from chalicelib.store.ledger import Ledger
from chalicelib.store.timeline import Timeline

TRIES = 5
"""A person's write that met another one is decided again; five in a row is not chance."""

NAMES_TRIED = 8
LONGEST_COST_DAYS = 366


@dataclass(frozen=True)
class Granted:
    """An instance is on its way.

    :param notice: what the person should know of it, such as that it is not a new one
    """

    instance: Instance
    notice: str | None = None


@dataclass(frozen=True)
class Shown:
    """An instance as of now; `activity` only while it can be judged."""

    instance: Instance
    activity: Judgement | None
    cost_so_far: Decimal


@dataclass(frozen=True)
class Health:
    """Whether the desk is alive."""

    now: datetime
    last_sweep_at: datetime | None


class SessionKind(StrEnum):
    """What a session leads to."""

    SHELL = "shell"
    PORT = "port"
    JUPYTER = "jupyter"


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The use cases. Every refusal is one of the kinds of `Refused`."""

    instances: Instances
    heartbeats: Heartbeats
    timelines: Timeline
    ledger: Ledger
    desk: DeskStore
    ssm: Ssm
    catalogue: Catalogue
    recipes: Mapping[str, Recipe]
    words: Words
    settings: Settings
    clock: Clock

    def launch(self, actor: Actor, ask: LaunchAsk, *, key: str | None, body_digest: str) -> Granted:
        """One write. The same key, or the same wish within two minutes, is answered with the first instance.

        :param key: the Idempotency-Key, where one was sent
        :param body_digest: of the body, to tell a repetition from a mistake
        """
        desk = self.desk.settings()
        if desk.mode is Mode.HOLD:
            raise Conflict("the desk is on hold: nothing is launched until an admin sets its mode", code="desk_on_hold")
        owner = actor.who_owns()
        spec, rates = complete(ask, self.catalogue, self.recipes, desk)
        now = self.clock.now()
        wish = _wish(owner, key, body_digest, now)
        instance_id = f"gd-{secrets.token_hex(8)}"
        reason = because("requested", f"{actor.name} asked for {_what(ask, spec.instance_type)}; launching it")
        for _ in range(1 if ask.name else NAMES_TRIED):
            instance = Instance(
                id=instance_id,
                name=ask.name or friendly_name(self.words, secrets.choice),
                owner=owner,
                created_by=actor.owner,
                created_at=now,
                spec=spec,
                phase=Phase.REQUESTED,
                phase_since=now,
                reason=reason,
                rates=rates,
                setup=Setup(documents=self.recipes[spec.recipe].documents),
            )
            lines = [entry(now, reason, actor=actor.name)]
            limit = desk.ceilings.instances_per_owner
            result = self.instances.launch(instance, lines, wish, limit=limit, now=now)
            if not isinstance(result, NameTaken):
                break
        return self._granted(result, instance, limit, key)

    def stop(self, actor: Actor, ref: str) -> Instance:
        return self._change(actor, ref, lambda instance: wishes.stop(instance, actor, self.clock.now()))

    def start(self, actor: Actor, ref: str) -> Instance:
        if self.desk.settings().mode is Mode.HOLD:
            raise Conflict("the desk is on hold: nothing is started until an admin sets its mode", code="desk_on_hold")
        return self._change(actor, ref, lambda instance: wishes.start(instance, actor, self.clock.now()))

    def terminate(self, actor: Actor, ref: str) -> Instance:
        return self._change(actor, ref, lambda instance: wishes.terminate(instance, actor, self.clock.now()))

    def keep(self, actor: Actor, ref: str, *, hours: float | None, until: datetime | None) -> Instance:
        """Leave it running for `hours` from now, or until `until`."""
        ceilings = self.desk.settings().ceilings

        def kept(instance: Instance) -> Wanted:
            now = self.clock.now()
            end = until or now + timedelta(hours=min(hours or 0, 10**5))
            return wishes.keep(instance, end, actor, ceilings, now)

        return self._change(actor, ref, kept)

    def amend(
        self,
        actor: Actor,
        ref: str,
        *,
        idle_minutes: int | None = None,
        warning_minutes: int | None = None,
        max_hours: int | None = None,
    ) -> Instance:
        """Change the policy of a living instance."""
        ask = PolicyAsk(idle_minutes=idle_minutes, warning_minutes=warning_minutes, max_hours=max_hours)
        ceilings = self.desk.settings().ceilings
        return self._change(actor, ref, lambda found: wishes.amend(found, ask, actor, ceilings, self.clock.now()))

    def show(self, actor: Actor, ref: str) -> Shown:
        instance = self._find(actor, ref)
        key = self._heartbeat_key(instance)
        return self._shown(instance, {key: self.heartbeats.read(key)} if key else {})

    def list_instances(
        self, actor: Actor, *, owner: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Shown], str | None]:
        """Newest first; an admin's are everybody's, or one owner's."""
        whose = actor.scope(owner)
        try:
            page = self.instances.page(whose, limit=limit, cursor=cursor, now=self.clock.now())
        except BadCursor as error:
            wrong = FieldError("cursor", "must be the next_cursor of an earlier answer to the same list")
            raise Invalid("the cursor is not one of this list", errors=(wrong,)) from error
        keys = [key for key in map(self._heartbeat_key, page.items) if key]
        beats = self.heartbeats.read_many(keys) if keys else {}
        return [self._shown(instance, beats) for instance in page.items], page.next_cursor

    def timeline(self, actor: Actor, ref: str, *, limit: int, cursor: str | None) -> tuple[list[Entry], str | None]:
        """Oldest first."""
        page = self.timelines.page(self._find(actor, ref).id, limit=limit, after=cursor)
        return [*page.items], page.next_seq

    def costs(self, actor: Actor, *, owner: str | None, since: date, until: date) -> list[DayCost]:
        """Per owner and UTC day, what runs now included; both days too."""
        if since > until or (until - since).days > LONGEST_COST_DAYS:
            right = f"must not be before since, nor more than {LONGEST_COST_DAYS} days after it"
            raise Invalid(f"until {right}", errors=(FieldError("until", right),))
        now = self.clock.now()
        whose = actor.scope(owner)
        closed = self.ledger.segments(since, now.date(), whose)
        living = (record for record in self.instances.living() if not isinstance(record, Broken))
        running = (open_segment(instance, now) for instance in living if whose in (None, instance.owner))
        return per_day([*closed, *(segment for segment in running if segment)], since, until)

    def connect(self, actor: Actor, ref: str) -> list[Command]:
        """Commands for those who have AWS credentials of their own."""
        instance = self._reachable(actor, ref)
        assert instance.machine is not None
        port = self.recipes[instance.spec.recipe].jupyter_port if instance.spec.recipe in self.recipes else None
        return commands(instance.machine.instance_id, instance.spec.region, port)

    def open_session(self, actor: Actor, ref: str, *, kind: SessionKind, port: int | None = None) -> Session:
        """StartSession for those who have none; the answer goes to session-manager-plugin.

        :param port: for kind `port`: the one on the instance
        """
        instance = self._reachable(actor, ref)
        assert instance.machine is not None
        recipe = self.recipes.get(instance.spec.recipe)
        if kind is SessionKind.JUPYTER and (recipe is None or recipe.jupyter_port is None):
            raise Conflict(f"{instance.name} was set up as {instance.spec.recipe}, without Jupyter", code="no_jupyter")
        document, parameters = _session(kind, port, recipe.jupyter_port if recipe else None)
        try:
            session = self.ssm.open_session(instance.spec.region, instance.machine.instance_id, document, parameters)
        except CloudError as error:
            raise Conflict(f"SSM did not open a session: {error.message} ({error.code})", code="no_session") from error
        now = self.clock.now()
        reason = because("session_opened", f"{actor.name} opened a {kind} session ({session.session_id})")
        self._change(actor, instance.id, lambda found: Wanted(found, (entry(now, reason, actor=actor.name),)))
        return session

    def desk_settings(self) -> DeskSettings:
        """As they stand."""
        return self.desk.settings()

    def change_settings(
        self, actor: Actor, *, mode: Mode | None, defaults: Mapping[str, Any], ceilings: Mapping[str, Any]
    ) -> DeskSettings:
        """An admin's; what is not named stays.

        :param defaults: fields of Defaults; `idle_policy` as a mapping
        :param ceilings: fields of Ceilings
        """
        actor.must_be_admin()
        for _ in range(TRIES):
            settings = _changed(self.desk.settings(), mode, defaults, ceilings)
            self._check_settings(settings)
            try:
                return self.desk.save_settings(settings)
            except Stale:
                continue
        raise Conflict("the settings are being changed by others; try again", code="busy")

    def health(self) -> Health:
        return Health(self.clock.now(), self.desk.last_done(LEASE))

    def _granted(self, result: LaunchResult, instance: Instance, limit: int, key: str | None) -> Granted:
        match result:
            case Launched():
                return Granted(instance)
            case NameTaken():
                raise Conflict(
                    f"an instance called {instance.name} lives; choose another name",
                    code="name_taken",
                    errors=(FieldError("name", "is taken by a living instance"),),
                )
            case LimitReached():
                raise Conflict(
                    f"{instance.owner} has {limit} instances, as many as allowed; terminate one first",
                    code="limit_reached",
                )
            case SameWish(instance_id, same_body):
                return self._same_wish(instance_id, same_body, key)

    def _same_wish(self, instance_id: str, same_body: bool, key: str | None) -> Granted:
        if not same_body:
            raise Invalid(
                "this Idempotency-Key was used with another body; use a new key for a new request",
                code="idempotency_key_reused",
                errors=(FieldError("Idempotency-Key", "was used with another body"),),
            )
        instance = self.instances.load(instance_id)
        if instance is None:
            raise Conflict("the first request with this key is still being written; try again", code="busy")
        if key:
            return Granted(instance)
        seconds = int((self.clock.now() - instance.created_at).total_seconds())
        return Granted(
            instance,
            f"this is the instance that was asked for {seconds} s ago in the same words; to get another one, send an "
            "Idempotency-Key header of your own",
        )

    def _change(self, actor: Actor, ref: str, wish: Callable[[Instance], Wanted]) -> Instance:
        """Read, decide, write under the guard; what meets another write is decided again on what it became."""
        actor.who_owns()
        for _ in range(TRIES):
            instance = self._find(actor, ref)
            wanted = wish(instance)
            if wanted.instance == instance and not wanted.entries:
                return instance
            try:
                return self.instances.write(instance, wanted.instance, wanted.entries, wake=True)
            except Stale:
                continue
        raise Conflict(f"{ref} is being changed by others; try again", code="busy")

    def _find(self, actor: Actor, ref: str) -> Instance:
        instance = self.instances.load(ref)
        if instance is None:
            raise no_such(ref)
        return actor.may_see(instance, ref)

    def _reachable(self, actor: Actor, ref: str) -> Instance:
        instance = self._find(actor, ref)
        if instance.machine is None or instance.machine.state is not Ec2State.RUNNING:
            raise Conflict(f"{instance.name} is {instance.phase}: there is nothing to connect to", code="not_running")
        return instance

    def _shown(self, instance: Instance, heartbeats: Mapping[str, Any]) -> Shown:
        now = self.clock.now()
        key = self._heartbeat_key(instance)
        judgement = None
        if key and instance.phase is Phase.READY:
            judgement = activity(instance, Observation(ec2=Absent(), heartbeat=heartbeats.get(key)), now)
        return Shown(instance, judgement, cost_so_far(instance, now))

    def _heartbeat_key(self, instance: Instance) -> str | None:
        machine = instance.machine
        return heartbeat_key(self.settings.instance_role_id, machine.instance_id) if machine else None

    def _check_settings(self, settings: DeskSettings) -> None:
        defaults, ceilings = settings.defaults, settings.ceilings
        errors = [
            FieldError(f"defaults.{error.field}", error.message)
            for error in policy_errors(defaults.idle_policy, defaults.max_hours, ceilings)
        ]
        allowed = ceilings.regions or self.catalogue.regions()
        if defaults.region not in allowed:
            errors.append(FieldError("defaults.region", f"must be one of {', '.join(allowed)}"))
        if defaults.recipe not in self.recipes:
            errors.append(FieldError("defaults.recipe", f"must be one of {', '.join(self.recipes)}"))
        if defaults.disk_gib > ceilings.disk_gib:
            errors.append(FieldError("defaults.disk_gib", f"must be at most the ceiling of {ceilings.disk_gib} GiB"))
        if errors:
            raise refused(errors)


def _wish(owner: str, key: str | None, body_digest: str, now: datetime) -> Wish:
    """An explicit key is remembered for a day; without one, the wish itself is the key, for two minutes."""
    kind, text, kept = ("key", key, IDEMPOTENCY_KEPT) if key else ("wish", body_digest, SAME_WISH)
    digest = hashlib.sha256(json.dumps([kind, owner, text]).encode()).hexdigest()
    return Wish(key=f"{kind}#{digest}", digest=body_digest, until=now + kept)


def _what(ask: LaunchAsk, instance_type: str) -> str:
    return f"{ask.gpu_count or 1} x {ask.gpu} ({instance_type})" if ask.gpu else f"a {instance_type}"


def _session(kind: SessionKind, port: int | None, jupyter_port: int | None) -> tuple[str, dict[str, str]]:
    if kind is SessionKind.SHELL:
        return "SSM-SessionManagerRunShell", {}
    remote = port if kind is SessionKind.PORT else jupyter_port
    if remote is None:
        wrong = FieldError("port", "is needed with kind port: the port on the instance, 1 to 65535")
        raise Invalid("which port?", errors=(wrong,))
    local = {"localPortNumber": "8889"} if kind is SessionKind.JUPYTER else {}
    return "AWS-StartPortForwardingSession", {"portNumber": str(remote), **local}


def _changed(
    settings: DeskSettings, mode: Mode | None, defaults: Mapping[str, Any], ceilings: Mapping[str, Any]
) -> DeskSettings:
    plain = dict(defaults)
    if "idle_policy" in plain:
        plain["idle_policy"] = IdlePolicy(**{**asdict(settings.defaults.idle_policy), **plain["idle_policy"]})
    return replace(
        settings,
        mode=mode or settings.mode,
        defaults=Defaults(**{**vars(settings.defaults), **plain}),
        ceilings=Ceilings(**{**vars(settings.ceilings), **ceilings}),
    )

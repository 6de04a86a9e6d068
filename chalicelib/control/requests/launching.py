"""Asking for an instance: one write, whatever is repeated."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.control.requests.images import ImageRequests
from chalicelib.domain.actors import Actor
from chalicelib.domain.asks import LaunchAsk, complete, documents_of
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.clock import Clock
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk import DeskSettings, Mode
from chalicelib.domain.errors import Conflict, ErrorCode, FieldError, Invalid
from chalicelib.domain.from_image import taken_over
from chalicelib.domain.images import LATEST
from chalicelib.domain.instance import Instance, Phase, Rates, Setup, Spec
from chalicelib.domain.lifecycle.rules import because, entry
from chalicelib.domain.names import Words, friendly_name
from chalicelib.domain.plan import Entry
from chalicelib.domain.recipes import Recipe
from chalicelib.domain.timings import IDEMPOTENCY_KEPT, SAME_WISH
from chalicelib.domain.write_warnings import WarningCode, WriteWarning
from chalicelib.store.desk import DeskStore
from chalicelib.store.instances import Instances
from chalicelib.store.launches import Launched, Launches, LaunchResult, LimitReached, NameTaken, SameWish, Wish
from chalicelib.store.owners import Owners
from chalicelib.store.transactions import Stale

NAMES_TRIED = 8


@dataclass(frozen=True)
class Granted:
    """The instance that a request created, or that an identical request created before."""

    instance: Instance
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True)
class Order:
    """What was asked for, complete.

    :param origin: the image that it comes from, and what that brings, in words
    :param skipped: what of its recipes the type has no use for, in words
    """

    spec: Spec
    rates: Rates
    setup: Setup
    origin: str | None
    skipped: str | None

    def lines(self, now: datetime) -> Iterator[Entry]:
        """Of the timeline."""
        if self.origin:
            yield entry(now, because(EventCode.LAUNCHED_FROM_IMAGE, self.origin))
        if self.skipped:
            yield entry(now, because(EventCode.GPU_STEPS_SKIPPED, self.skipped))

    def warnings(self) -> Iterator[WriteWarning]:
        """Yield the same for the answer."""
        if self.origin:
            yield WriteWarning(WarningCode.LAUNCHED_FROM_IMAGE, self.origin)
        if self.skipped:
            yield WriteWarning(WarningCode.GPU_STEPS_SKIPPED, self.skipped)


@dataclass(frozen=True, kw_only=True)
class Launching:
    """POST /instances."""

    instances: Instances
    launches: Launches
    desk: DeskStore
    owners: Owners
    images: ImageRequests
    catalogue: Catalogue
    recipes: Mapping[str, Recipe]
    words: Words
    clock: Clock

    def launch(self, actor: Actor, ask: LaunchAsk, *, key: str | None, body_digest: str) -> Granted:
        """One write. The same key, or the same wish within two minutes, is answered with the first instance.

        :param key: the Idempotency-Key, where one was sent
        :param body_digest: of the body, to tell a repetition from a mistake
        """
        owner, now = actor.who_owns(), self.clock.now()
        wish = _wish(owner, key, body_digest, now)
        known = self.launches.known(wish, now)
        if known:
            return self._same_wish(known, key)
        desk = self.desk.settings()
        if desk.mode is Mode.PAUSED:
            raise Conflict(
                "gpudesk is paused. Instances can be launched when an admin sets mode to enforce.",
                code=ErrorCode.DESK_PAUSED,
            )
        order = self._order(actor, ask, desk)
        warnings = (*order.warnings(), *self._no_channel_warning(owner))
        instance_id = f"gd-{secrets.token_hex(8)}"
        reason = because(
            EventCode.REQUESTED, f"{actor.name} asked for {_what(ask, order.spec.instance_type)}; launching it"
        )
        lines = [entry(now, reason, actor=actor.name), *order.lines(now)]
        limit = desk.limits.instances_per_owner
        for _ in range(1 if ask.name else NAMES_TRIED):
            instance = Instance(
                id=instance_id,
                name=ask.name or friendly_name(self.words, secrets.choice),
                owner=owner,
                created_by=actor.owner,
                created_at=now,
                spec=order.spec,
                phase=Phase.REQUESTED,
                phase_since=now,
                reason=reason,
                rates=order.rates,
                setup=order.setup,
            )
            try:
                result = self.launches.launch(instance, lines, replace(wish, warnings=warnings), limit=limit, now=now)
            except Stale as stale:
                raise Conflict("too many requests at once; try again", code=ErrorCode.CONCURRENT_UPDATE) from stale
            if not isinstance(result, NameTaken):
                break
        return self._granted(result, Granted(instance, warnings), limit, key)

    def _order(self, actor: Actor, ask: LaunchAsk, desk: DeskSettings) -> Order:
        """:raises Invalid: with every field that is wrong"""
        own = self.owners.get(actor.who_owns()).policy
        image = self.images.meant(actor, ask)
        if ask.image == LATEST:
            spec, _ = complete(ask, self.catalogue, self.recipes, desk, own)
            image = self.images.latest(actor, ask, spec)
        spec, rates = complete(ask, self.catalogue, self.recipes, desk, own, image)
        kind, origin = self.catalogue.type_named(spec.instance_type), None
        if image:
            over = taken_over(spec, ask, image, kind, self.recipes)
            spec, origin = over.spec, over.message
        setup = Setup(
            recipe=spec.recipe, documents=documents_of(spec, self.recipes), baked=image.baked if image else ()
        )
        skipped = (self.recipes[name].what_is_skipped(kind) for name in spec.recipes)
        return Order(spec, rates, setup, origin, " ".join(each for each in skipped if each) or None)

    def _granted(self, result: LaunchResult, new: Granted, limit: int, key: str | None) -> Granted:
        match result:
            case Launched():
                return new
            case NameTaken():
                raise Conflict(
                    f"an instance called {new.instance.name} lives; choose another name",
                    code=ErrorCode.NAME_TAKEN,
                    errors=(FieldError("name", "is taken by a living instance"),),
                )
            case LimitReached():
                raise Conflict(
                    f"{new.instance.owner} has {limit} instances, as many as allowed; terminate one first",
                    code=ErrorCode.LIMIT_REACHED,
                )
            case SameWish():
                return self._same_wish(result, key)

    def _no_channel_warning(self, owner: str) -> Iterator[WriteWarning]:
        """Warn while there is time that nobody can be notified before a stop."""
        if self.owners.get(owner).channels or self.desk.settings().channels:
            return
        message = (
            f"No notification channel is configured for {owner} or the desk. Only people logged in on the instance "
            f'will be warned before a stop. Set one: PATCH /owners/{owner} {{"channels": {{"email": ...}}}}.'
        )
        yield WriteWarning(WarningCode.NO_CHANNEL, message)

    def _same_wish(self, known: SameWish, key: str | None) -> Granted:
        """Return the first answer again; without a key, also say how to create another instance."""
        if not known.same_body:
            raise Invalid(
                "this Idempotency-Key was used with another body; use a new key for a new request",
                code=ErrorCode.IDEMPOTENCY_KEY_REUSED,
                errors=(FieldError("Idempotency-Key", "was used with another body"),),
            )
        instance = self.instances.load(known.instance_id)
        if instance is None:
            raise Conflict(
                "the first request with this key is still being written; try again", code=ErrorCode.CONCURRENT_UPDATE
            )
        if key:
            return Granted(instance, known.warnings)
        seconds = int((self.clock.now() - instance.created_at).total_seconds())
        message = (
            f"Returned the instance created by an identical request {seconds} s ago. To create another one, send a new "
            "Idempotency-Key."
        )
        return Granted(instance, (WriteWarning(WarningCode.DUPLICATE_REQUEST, message), *known.warnings))


def _wish(owner: str, key: str | None, body_digest: str, now: datetime) -> Wish:
    """An explicit key is remembered for a day; without one, the wish itself is the key, for two minutes."""
    kind, text, kept = ("key", key, IDEMPOTENCY_KEPT) if key else ("wish", body_digest, SAME_WISH)
    digest = hashlib.sha256(json.dumps([kind, owner, text]).encode()).hexdigest()
    return Wish(key=f"{kind}#{digest}", digest=body_digest, until=now + kept)


def _what(ask: LaunchAsk, instance_type: str) -> str:
    return f"{ask.gpu_count or 1} x {ask.gpu} ({instance_type})" if ask.gpu else f"a {instance_type}"

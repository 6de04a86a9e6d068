"""Asking for an instance: one write, whatever is repeated."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.control.requests.images import ImageRequests
from chalicelib.domain.actors import Actor
from chalicelib.domain.asks import LaunchAsk, complete
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.clock import Clock
from chalicelib.domain.desk import Mode
from chalicelib.domain.errors import Conflict, FieldError, Invalid
from chalicelib.domain.images import Image, saved
from chalicelib.domain.instance import ImageUse, Instance, Phase, Rates, Setup, Spec
from chalicelib.domain.lifecycle.rules import because, entry
from chalicelib.domain.names import Words, friendly_name
from chalicelib.domain.recipes import Recipe
from chalicelib.domain.timings import IDEMPOTENCY_KEPT, SAME_WISH
from chalicelib.store.desk import DeskStore
from chalicelib.store.instances import Instances
from chalicelib.store.launches import Launched, Launches, LaunchResult, LimitReached, NameTaken, SameWish, Wish
from chalicelib.store.owners import Owners
from chalicelib.store.transactions import Stale

NAMES_TRIED = 8


@dataclass(frozen=True)
class Granted:
    """An instance is on its way.

    :param notice: what the person should know of it, such as that it is not a new one
    """

    instance: Instance
    notice: str | None = None


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
            return self._same_wish(known.instance_id, known.same_body, key)
        desk = self.desk.settings()
        if desk.mode is Mode.HOLD:
            raise Conflict("the desk is on hold: nothing is launched until an admin sets its mode", code="desk_on_hold")
        own = self.owners.get(owner).policy
        source = self.images.meant(actor, ask)
        if source:
            ask = replace(ask, region=ask.region or source.region, recipe=ask.recipe or source.recipe)
        spec, rates = complete(ask, self.catalogue, self.recipes, desk, own)
        setup = Setup(recipe=spec.recipe, documents=self.recipes[spec.recipe].chosen(spec.parameters))
        notice = None
        if ask.image:
            source = self.images.fitting(actor, ask, source, spec)
            notice = self._saves(source, spec)
            spec, rates, setup = self._from(source, spec, rates, setup)
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
                setup=setup,
            )
            lines = [entry(now, reason, actor=actor.name)]
            if skipped := self._skipped(instance):
                lines.append(entry(now, because("gpu_steps_skipped", skipped)))
            limit = desk.ceilings.instances_per_owner
            try:
                result = self.launches.launch(instance, lines, wish, limit=limit, now=now)
            except Stale as stale:
                raise Conflict("too many requests at once; try again", code="busy") from stale
            if not isinstance(result, NameTaken):
                break
        granted = self._granted(result, instance, limit, key)
        is_new = granted.instance.id == instance.id
        return replace(granted, notice=_joined(notice, granted.notice)) if is_new else granted

    def _from(self, image: Image, spec: Spec, rates: Rates, setup: Setup) -> tuple[Spec, Rates, Setup]:
        """The same, from an image: its disk is as large as the image at least, and some documents are there already."""
        disk_gib = max(spec.disk_gib, image.disk_gib)
        use = ImageUse(id=image.id, name=image.name, ami_id=image.ami_id or "")
        return (
            replace(spec, image=use, disk_gib=disk_gib),
            replace(rates, disk=self.catalogue.disk_price_per_gib_hour(spec.region) * disk_gib),
            replace(setup, baked=image.baked),
        )

    def _saves(self, image: Image, spec: Spec) -> str:
        """What somebody who launches from an image can expect of it."""
        spared = saved(image, self.recipes[spec.recipe].as_chosen(spec.parameters))
        if not spared:
            return f"from {image.name} ({image.id}); none of what the recipe {spec.recipe} runs is in it"
        documents = ", ".join(spared)
        return (
            f"from {image.name} ({image.id}): {documents} need not run again unless changed since, which saves about "
            f"{sum(spared.values())} s"
        )

    def _granted(self, result: LaunchResult, instance: Instance, limit: int, key: str | None) -> Granted:
        match result:
            case Launched():
                return Granted(instance, _joined(self._skipped(instance), self._nobody_hears(instance.owner)))
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

    def _nobody_hears(self, owner: str) -> str | None:
        """Before a stop people are warned: where nobody could be, it is said while there is time."""
        if self.owners.get(owner).channels or self.desk.settings().channels:
            return None
        return (
            f"no channel is set for {owner}, nor for the desk: before it stops, only who is logged in on it will be "
            f'warned. PATCH /owners/{owner} {{"channels": {{"email": ...}}}} sets one'
        )

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
        skipped = self._skipped(instance)
        if key:
            return Granted(instance, _joined(skipped, self._nobody_hears(instance.owner)))
        seconds = int((self.clock.now() - instance.created_at).total_seconds())
        same = (
            f"this is the instance that was asked for {seconds} s ago in the same words; to get another one, send an "
            "Idempotency-Key header of your own"
        )
        return Granted(instance, _joined(same, skipped))

    def _skipped(self, instance: Instance) -> str | None:
        """What of the recipe its type has no use for."""
        recipe = self.recipes.get(instance.spec.recipe)
        kind = self.catalogue.types.get(instance.spec.instance_type)
        return recipe.what_is_skipped(kind) if recipe and kind else None


def _joined(*notices: str | None) -> str | None:
    return ". ".join(each for each in notices if each) or None


def _wish(owner: str, key: str | None, body_digest: str, now: datetime) -> Wish:
    """An explicit key is remembered for a day; without one, the wish itself is the key, for two minutes."""
    kind, text, kept = ("key", key, IDEMPOTENCY_KEPT) if key else ("wish", body_digest, SAME_WISH)
    digest = hashlib.sha256(json.dumps([kind, owner, text]).encode()).hexdigest()
    return Wish(key=f"{kind}#{digest}", digest=body_digest, until=now + kept)


def _what(ask: LaunchAsk, instance_type: str) -> str:
    return f"{ask.gpu_count or 1} x {ask.gpu} ({instance_type})" if ask.gpu else f"a {instance_type}"

"""Asking for an instance: one write, whatever is repeated."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.control.services.images import ImageService
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import DUPLICATE_REQUEST_WINDOW, IDEMPOTENCY_RETENTION
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, ValidationFailed
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.images.record import LATEST
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.lifecycle.plans import because
from chalicelib.domain.instances.names import WordLists, generate_name
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import Spec, collect_documents
from chalicelib.domain.launch.build_spec import build_spec
from chalicelib.domain.launch.from_image import inherit_from_image
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.state import SetupState
from chalicelib.domain.write_warnings import WarningCode, WriteWarning
from chalicelib.store.desk import DeskRepository
from chalicelib.store.dynamo import VersionConflict
from chalicelib.store.instances.launches import (
    DuplicateRequest,
    IdempotencyRecord,
    LaunchCreated,
    LaunchRepository,
    LaunchResult,
    LimitReached,
    NameTaken,
)
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.owners import OwnerRepository

MAX_NAME_ATTEMPTS = 8


@dataclass(frozen=True)
class LaunchResponse:
    """The instance that a request created, or that an identical request created before."""

    instance: Instance
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True)
class ResolvedLaunch:
    """What was asked for, complete.

    :param image_message: the image that it comes from, and what that brings, in words
    :param skipped: what of its recipes the type has no use for, in words
    """

    spec: Spec
    rates: Rates
    setup: SetupState
    image_message: str | None
    skipped: str | None

    def timeline_entries(self, now: datetime) -> Iterator[TimelineEntry]:
        """Of the timeline."""
        if self.image_message:
            yield timeline_entry(now, because(EventCode.LAUNCHED_FROM_IMAGE, self.image_message))
        if self.skipped:
            yield timeline_entry(now, because(EventCode.GPU_STEPS_SKIPPED, self.skipped))

    def warnings(self) -> Iterator[WriteWarning]:
        """Yield the same for the answer."""
        if self.image_message:
            yield WriteWarning(WarningCode.LAUNCHED_FROM_IMAGE, self.image_message)
        if self.skipped:
            yield WriteWarning(WarningCode.GPU_STEPS_SKIPPED, self.skipped)


@dataclass(frozen=True, kw_only=True)
class LaunchService:
    """POST /instances."""

    instances: InstanceRepository
    launches: LaunchRepository
    desk: DeskRepository
    owners: OwnerRepository
    images: ImageService
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    words: WordLists
    clock: Clock

    def launch(self, actor: Actor, request: LaunchRequest, *, key: str | None, body_digest: str) -> LaunchResponse:
        """One write. The same key, or the same wish within two minutes, is answered with the first instance.

        :param key: the Idempotency-Key, where one was sent
        :param body_digest: of the body, to tell a repetition from a mistake
        """
        owner, now = actor.owner_for_new(), self.clock.now()
        wish = _idempotency_record(owner, key, body_digest, now)
        known = self.launches.find(wish, now)
        if known:
            return self._replay(known, key)
        desk = self.desk.settings()
        if desk.mode is Mode.PAUSED:
            raise Conflict(
                "gpudesk is paused. Instances can be launched when an admin sets mode to enforce.",
                code=ErrorCode.DESK_PAUSED,
            )
        order = self._resolve(actor, request, desk)
        warnings = (*order.warnings(), *self._no_channel_warning(owner))
        instance_id = f"gd-{secrets.token_hex(8)}"
        reason = because(
            EventCode.REQUESTED,
            f"{actor.name} asked for {_what(request, order.spec.hardware.instance_type)}; launching it",
        )
        entries = [timeline_entry(now, reason, actor=actor.name), *order.timeline_entries(now)]
        limit = desk.limits.instances_per_owner
        for _ in range(1 if request.name else MAX_NAME_ATTEMPTS):
            instance = Instance(
                id=instance_id,
                name=request.name or generate_name(self.words, secrets.choice),
                owner=owner,
                created_by=actor.owner,
                created_at=now,
                spec=order.spec,
                phase=Phase.REQUESTED,
                phase_since=now,
                reason=reason,
                setup=order.setup,
                billing=Billing(rates=order.rates),
            )
            try:
                result = self.launches.launch(instance, entries, replace(wish, warnings=warnings), limit=limit, now=now)
            except VersionConflict as stale:
                raise Conflict("too many requests at once; try again", code=ErrorCode.CONCURRENT_UPDATE) from stale
            if not isinstance(result, NameTaken):
                break
        return self._granted(result, LaunchResponse(instance, warnings), limit, key)

    def _resolve(self, actor: Actor, request: LaunchRequest, desk: DeskSettings) -> ResolvedLaunch:
        """:raises Invalid: with every field that is wrong"""
        own = self.owners.get(actor.owner_for_new()).policy
        image = self.images.resolve_reference(actor, request)
        if request.image == LATEST:
            spec, _ = build_spec(request, self.catalog, self.recipes, desk, own)
            image = self.images.find_latest(actor, request, spec)
        spec, rates = build_spec(request, self.catalog, self.recipes, desk, own, image)
        kind, origin = self.catalog.get_type(spec.hardware.instance_type), None
        if image:
            over = inherit_from_image(spec, request, image, kind, self.recipes)
            spec, origin = over.spec, over.message
        setup = SetupState(
            recipe=spec.software.recipe,
            documents=collect_documents(spec, self.recipes),
            installed_documents=image.installed_documents if image else (),
        )
        skipped = (self.recipes[name].skipped_steps_message(kind) for name in spec.software.recipes)
        return ResolvedLaunch(spec, rates, setup, origin, " ".join(each for each in skipped if each) or None)

    def _granted(self, result: LaunchResult, new: LaunchResponse, limit: int, key: str | None) -> LaunchResponse:
        match result:
            case LaunchCreated():
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
            case DuplicateRequest():
                return self._replay(result, key)

    def _no_channel_warning(self, owner: str) -> Iterator[WriteWarning]:
        """Warn while there is time that nobody can be notified before a stop."""
        if self.owners.get(owner).channels or self.desk.settings().channels:
            return
        message = (
            f"No notification channel is configured for {owner} or the desk. Only people logged in on the instance "
            f'will be warned before a stop. Set one: PATCH /owners/{owner} {{"channels": {{"email": ...}}}}.'
        )
        yield WriteWarning(WarningCode.NO_CHANNEL, message)

    def _replay(self, known: DuplicateRequest, key: str | None) -> LaunchResponse:
        """Return the first answer again; without a key, also say how to create another instance."""
        if not known.same_body:
            raise ValidationFailed(
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
            return LaunchResponse(instance, known.warnings)
        age = format_duration(self.clock.now() - instance.created_at)
        message = (
            f"Returned the instance created by an identical request {age} ago. To create another one, send a new "
            "Idempotency-Key."
        )
        return LaunchResponse(instance, (WriteWarning(WarningCode.DUPLICATE_REQUEST, message), *known.warnings))


def _idempotency_record(owner: str, key: str | None, body_digest: str, now: datetime) -> IdempotencyRecord:
    """An explicit key is remembered for a day; without one, the wish itself is the key, for two minutes."""
    kind, text, kept = ("key", key, IDEMPOTENCY_RETENTION) if key else ("wish", body_digest, DUPLICATE_REQUEST_WINDOW)
    digest = hashlib.sha256(json.dumps([kind, owner, text]).encode()).hexdigest()
    return IdempotencyRecord(key=f"{kind}#{digest}", digest=body_digest, until=now + kept)


def _what(request: LaunchRequest, instance_type: str) -> str:
    return f"{request.gpu_count or 1} x {request.gpu} ({instance_type})" if request.gpu else f"a {instance_type}"

"""Create the record of a launch. The control loop launches the EC2 instance afterwards."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chalicelib.control.services.budgets import BudgetService
from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.control.services.launch_quota import LaunchQuotaCheck
from chalicelib.control.services.settings_changes import find_email_state
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import DUPLICATE_REQUEST_WINDOW, IDEMPOTENCY_RETENTION
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, ValidationFailed
from chalicelib.domain.common.text import format_duration, pluralize
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.images.selection import LATEST
from chalicelib.domain.instances.names import WordLists, generate_name
from chalicelib.domain.launch.image_choice import find_latest_image, find_requested_image
from chalicelib.domain.launch.prepare_launch import PreparedLaunch, prepare_launch
from chalicelib.domain.launch.record import build_record, build_timeline, list_launch_warnings
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import choose_instance_type
from chalicelib.domain.notifications.channel_warnings import select_owner_channels
from chalicelib.domain.offers.spot_price import find_lowest_spot_price
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.conflicts import (
    CONTENDED_ATTEMPTS,
    ConditionFailed,
    RejectedWrite,
    VersionConflict,
    retry_on_conflict,
)
from chalicelib.store.instances.idempotency import EarlierLaunch, IdempotencyRecord
from chalicelib.store.instances.launches import (
    LaunchConditions,
    LaunchOutcome,
    LaunchResult,
)
from chalicelib.store.repositories import Repositories

MAX_NAME_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True)
class LaunchService:
    """POST /instances.

    :param regions: the regions in which gpudesk is set up
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    words: WordLists
    regions: tuple[str, ...]
    clock: Clock
    budgets: BudgetService
    quota_check: LaunchQuotaCheck

    def launch(
        self, actor: Actor, request: LaunchRequest, *, key: str | None, body_digest: str
    ) -> InstanceWithWarnings:
        """Create a record in one transaction, or return the instance of an identical earlier request.

        Requests are identical if they have the same key or, without a key, the same body within 2 minutes.

        :param key: the Idempotency-Key header
        :param body_digest: the digest of the body; another digest with the same key is another request
        :raises ValidationFailed: fields are wrong, the key was used with another body, or the record would be too large
        :raises Conflict: gpudesk is paused, the name is in use, the owner's limit is reached, a budget is too small,
            or a quota of EC2 is exceeded and the request does not wait for it
        """
        owner, now = actor.require_owner(), self.clock.now()
        idempotency = build_idempotency_record(owner, key, body_digest, now)
        earlier = self.stores.launches.find(idempotency, now)
        if earlier:
            return self._build_repeated_response(earlier, key)
        settings = self.stores.desk.get_settings()
        settings.require_not_paused("Instances can be launched")
        owner_settings = self.stores.owners.get(owner)
        prepared = self._prepare(actor, request, self._build_context(settings, owner_settings))
        instance = build_record(f"gd-{secrets.token_hex(8)}", actor, request, prepared, now)
        waiting = self._check_quota(prepared, settings)
        warnings = (*prepared.warnings, *waiting, *self._list_warnings(request, prepared, owner_settings, settings))

        def save() -> LaunchResult:
            return self.stores.launches.launch(
                instance,
                build_timeline(instance, prepared, actor),
                replace(idempotency, warnings=warnings),
                names=self._list_candidate_names(request),
                conditions=LaunchConditions(
                    limit=settings.limits.instances_per_owner,
                    guards=self.budgets.reserve(instance, owner_settings, settings),
                ),
            )

        try:
            result = retry_on_conflict(save, ConditionFailed, attempts=CONTENDED_ATTEMPTS)
        except Conflict as conflict:
            if conflict.code is ErrorCode.BUDGET_EXCEEDED and (earlier := self.stores.launches.find(idempotency, now)):
                return self._build_repeated_response(earlier, key)
            raise
        except VersionConflict as conflict:
            message = f"{owner} sends too many launches at the same time. Try again."
            raise Conflict(message, code=ErrorCode.CONCURRENT_UPDATE) from conflict
        except RejectedWrite as error:
            message = f"The instance cannot be launched, because DynamoDB rejects its record: {error}"
            raise ValidationFailed(message) from error
        return self._to_response(result, warnings, settings, key)

    def _check_quota(self, prepared: PreparedLaunch, settings: DeskSettings) -> Iterator[WriteWarning]:
        """Return a warning if the first offer exceeds a quota, so that the launch tries another one or waits.

        :raises ValidationFailed: no zone offers what the launch requests
        :raises Conflict: no other offer is left, and the launch does not wait for the quota
        """
        excess = self.quota_check.find_excess(prepared.spec, settings.limits)
        warning = excess.find_warning() if excess else None
        if excess and warning is None:
            raise excess.build_conflict()
        return iter([warning] if warning else [])

    def _list_warnings(
        self, request: LaunchRequest, prepared: PreparedLaunch, owner_settings: OwnerSettings, settings: DeskSettings
    ) -> Iterator[WriteWarning]:
        state = find_email_state(self.stores.desk, select_owner_channels(owner_settings, settings))
        return list_launch_warnings(request, prepared, owner_settings, settings, state)

    def _build_context(self, settings: DeskSettings, owner_settings: OwnerSettings) -> LaunchContext:
        return LaunchContext(
            catalog=self.catalog,
            recipes=self.recipes,
            settings=settings,
            owner_policy=owner_settings.policy,
            deployed_regions=self.regions,
            now=self.clock.now(),
            find_spot_price=self._find_spot_price,
        )

    def _find_spot_price(self, region: str, instance_type: str) -> Decimal | None:
        return find_lowest_spot_price(self.stores.offers.get_many([region]).get(region), instance_type)

    def _prepare(self, actor: Actor, request: LaunchRequest, context: LaunchContext) -> PreparedLaunch:
        """Choose image and type, and complete the request.

        :raises ValidationFailed: names every wrong field
        """
        image = None
        if request.image and request.image != LATEST:
            visible = self.stores.images.list_all(actor.resolve_owner_for_list())
            image = find_requested_image(request.image, visible, actor)
        choice = choose_instance_type(request, context, image)
        if request.image == LATEST:
            image = find_latest_image(request, context, choice, self.stores.images.list_all(actor.effective_owner))
        return prepare_launch(request, context, choice, image)

    def _list_candidate_names(self, request: LaunchRequest) -> Iterator[str]:
        if request.name:
            return iter([request.name])
        return (generate_name(self.words, secrets.choice) for _ in range(MAX_NAME_ATTEMPTS))

    def _to_response(
        self, result: LaunchResult, warnings: tuple[WriteWarning, ...], settings: DeskSettings, key: str | None
    ) -> InstanceWithWarnings:
        """Return the answer to a launch, or raise the refusal."""
        if result.earlier:
            return self._build_repeated_response(result.earlier, key)
        if result.outcome is LaunchOutcome.NAME_TAKEN:
            raise Conflict(
                self._describe_taken_name(result.instance.name, result.instance.owner),
                code=ErrorCode.NAME_TAKEN,
                errors=(FieldError("name", "is in use by an instance that is not terminated"),),
            )
        if result.outcome is LaunchOutcome.LIMIT_REACHED:
            owner, limit = result.instance.owner, settings.limits.instances_per_owner
            count = pluralize(self.stores.launches.count_for_limit(owner), "instance")
            message = (
                f"{owner} has {count} that are not terminated; the limit is {limit}. Terminate instances first. "
                "Launches that failed are not counted."
            )
            raise Conflict(message, code=ErrorCode.LIMIT_REACHED)
        return InstanceWithWarnings(result.instance, warnings)

    def _describe_taken_name(self, name: str, owner: str) -> str:
        """Return who has a name, and how to free it. Instances of other owners are not described."""
        holder = self.stores.instances.load(name)
        if holder is None or holder.owner != owner or not holder.has_launch_failed:
            return f"The name {name} is in use. Choose another one."
        return (
            f"A launch that failed has the name {name}. To free it, send DELETE /instances/{name}, or choose another."
        )

    def _build_repeated_response(self, earlier: EarlierLaunch, key: str | None) -> InstanceWithWarnings:
        """Return the first response again. For a request without a key, add how to create another instance."""
        if not earlier.has_same_body:
            raise ValidationFailed(
                "This Idempotency-Key was used with another body. Use a new key for a new request.",
                code=ErrorCode.IDEMPOTENCY_KEY_REUSED,
                errors=(FieldError("Idempotency-Key", "was used with another body"),),
            )
        instance = self.stores.instances.load(earlier.instance_id)
        if instance is None:
            message = "The record of the first request with this key is not stored yet. Try again."
            raise Conflict(message, code=ErrorCode.CONCURRENT_UPDATE)
        if key:
            return InstanceWithWarnings(instance, earlier.warnings)
        age = format_duration(self.clock.now() - instance.created_at)
        message = (
            f"Returned the instance created by an identical request {age} ago. To create another one, send a new "
            "Idempotency-Key."
        )
        return InstanceWithWarnings(instance, (WriteWarning(WarningCode.DUPLICATE_REQUEST, message), *earlier.warnings))


def build_idempotency_record(owner: str, key: str | None, body_digest: str, now: datetime) -> IdempotencyRecord:
    """Build the record that identifies a request: by its key for a day, or else by its body for 2 minutes."""
    kind, text, duration = (
        ("key", key, IDEMPOTENCY_RETENTION) if key else ("body", body_digest, DUPLICATE_REQUEST_WINDOW)
    )
    digest = hashlib.sha256(json.dumps([kind, owner, text]).encode()).hexdigest()
    return IdempotencyRecord(key=f"{kind}#{digest}", digest=body_digest, until=now + duration)

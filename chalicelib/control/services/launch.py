"""Create the record of a launch. The control loop launches the EC2 instance afterwards."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

from chalicelib.control.services.budgets import BudgetService
from chalicelib.control.services.instances import InstanceWithWarnings
from chalicelib.control.services.launch_preparation import LaunchPreparer
from chalicelib.control.services.launch_quota import LaunchQuotaCheck
from chalicelib.control.services.repeated_launches import build_idempotency_record, load_repeated_answer
from chalicelib.control.services.settings_changes import find_email_state
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, ValidationFailed
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.instances.names import WordLists, generate_name
from chalicelib.domain.launch.prepare_launch import PreparedLaunch
from chalicelib.domain.launch.record import build_record, build_timeline, list_launch_warnings
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.notifications.channel_warnings import select_owner_channels
from chalicelib.store.conflicts import (
    CONTENDED_ATTEMPTS,
    ConditionFailed,
    RejectedWrite,
    VersionConflict,
    retry_on_conflict,
)
from chalicelib.store.instances.idempotency import EarlierLaunch
from chalicelib.store.instances.launches import LaunchConditions, LaunchOutcome, LaunchResult
from chalicelib.store.repositories import Repositories
from chalicelib.store.unreadable_item import UnreadableItem

MAX_NAME_ATTEMPTS = 8


@dataclass(frozen=True, kw_only=True)
class LaunchService:
    """POST /instances."""

    stores: Repositories
    preparer: LaunchPreparer
    words: WordLists
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
        if earlier := self.stores.launches.find_earlier(idempotency, now):
            return self._answer_again(earlier, key)
        settings = self.stores.desk.get_settings()
        settings.require_not_paused("Instances can be launched")
        owner_settings = self.stores.owners.get(owner)
        prepared = self.preparer.prepare(actor, request, settings, owner_settings)
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
            if conflict.code is ErrorCode.BUDGET_EXCEEDED and (
                earlier := self.stores.launches.find_earlier(idempotency, now)
            ):
                return self._answer_again(earlier, key)
            raise
        except VersionConflict as conflict:
            message = f"{owner} sends too many launches at the same time. Try again."
            raise Conflict(message, code=ErrorCode.CONCURRENT_UPDATE) from conflict
        except RejectedWrite as error:
            message = f"The instance cannot be launched, because DynamoDB rejects its record: {error}"
            raise ValidationFailed(message) from error
        return self._to_response(result, warnings, settings, key)

    def _answer_again(self, earlier: EarlierLaunch, key: str | None) -> InstanceWithWarnings:
        return load_repeated_answer(earlier, key, self.stores.instances, self.clock.now())

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

    def _list_candidate_names(self, request: LaunchRequest) -> Iterator[str]:
        if request.name:
            return iter([request.name])
        return (generate_name(self.words, secrets.choice) for _ in range(MAX_NAME_ATTEMPTS))

    def _to_response(
        self, result: LaunchResult, warnings: tuple[WriteWarning, ...], settings: DeskSettings, key: str | None
    ) -> InstanceWithWarnings:
        """Return the answer to a launch, or raise the refusal."""
        if result.earlier:
            return self._answer_again(result.earlier, key)
        if result.outcome is LaunchOutcome.NAME_TAKEN:
            raise Conflict(
                self._describe_taken_name(result.instance.name, result.instance.owner),
                code=ErrorCode.NAME_TAKEN,
                errors=(FieldError("name", "is in use by an instance that is not terminated"),),
            )
        if result.outcome is LaunchOutcome.LIMIT_REACHED:
            message = self._describe_limit(result.instance.owner, settings.limits.instances_per_owner)
            raise Conflict(message, code=ErrorCode.LIMIT_REACHED)
        return InstanceWithWarnings(result.instance, warnings)

    def _describe_taken_name(self, name: str, owner: str) -> str:
        """Return who has a name, and how to free it. Instances of other owners are not described.

        :raises UnreadableItem: an instance of the owner has the name, and its record cannot be read
        """
        try:
            holder = self.stores.instances.load(name)
        except UnreadableItem as error:
            if error.owner == owner:
                raise
            holder = None
        if holder is None or holder.owner != owner or not holder.has_launch_failed:
            return f"The name {name} is in use. Choose another one."
        return (
            f"A launch that failed has the name {name}. To free it, send DELETE /instances/{name}, or choose another."
        )

    def _describe_limit(self, owner: str, limit: int) -> str:
        """Return why an owner may not launch another instance. One may have ended since the launch was refused."""
        count = self.stores.launches.count_for_limit(owner)
        if count < limit:
            return f"{owner} had {pluralize(limit, 'instance')}, which is the limit. One has just ended: launch again."
        return (
            f"{owner} has {pluralize(count, 'instance')} that are not terminated; the limit is {limit}. Terminate "
            "instances first. Launches that failed are not counted."
        )

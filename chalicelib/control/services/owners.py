"""Read and change the settings of owners: their policy and their notification channels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.control.services.settings_changes import (
    GetWebhookSecret,
    find_email_state,
    find_new_secret,
    merge_channels,
    merge_policy,
)
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import build_validation_error
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.channels import Recipient, validate_channels
from chalicelib.domain.desk.policy_limits import validate_policy
from chalicelib.domain.desk.policy_override import PolicyOverride, apply_override, warn_if_lowered
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.notifications.channel_warnings import select_owner_channels, warn_if_unreachable
from chalicelib.domain.notifications.desk_notifications import build_webhook_welcome
from chalicelib.domain.notifications.email_subscription import EmailState
from chalicelib.store.decision_log import log_owner_change
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True)
class OwnerUpdate:
    """The settings after a change.

    :param webhook_secret: of a webhook that was set by this change; it is returned only this once
    :param warning: new instances have a shorter warning period than the default, although the request does not name it
    """

    settings: OwnerSettings
    webhook_secret: str | None = None
    warning: WriteWarning | None = None


@dataclass(frozen=True, kw_only=True)
class OwnerService:
    """GET and PATCH /owners/{owner}.

    :param allow_private_webhooks: accept URLs of this machine, for the local cloud
    """

    stores: Repositories
    get_webhook_secret: GetWebhookSecret
    allow_private_webhooks: bool
    clock: Clock

    def get(self, actor: Actor, owner: str) -> OwnerSettings:
        """Return the settings of an owner.

        :raises Forbidden: a user asks for another owner
        """
        actor.resolve_owner_for_list(owner)
        return self.stores.owners.get(owner)

    def find_email_state(self, settings: OwnerSettings) -> EmailState | None:
        """Return whether the owner's address is confirmed; None without an address."""
        return find_email_state(self.stores.desk, settings.channels)

    def warn_if_unreachable(self, owner: str, desk: DeskSettings) -> WriteWarning | None:
        """Warn that the only channel of an owner is an address that gets no mail."""
        settings = self.stores.owners.get(owner)
        state = find_email_state(self.stores.desk, select_owner_channels(settings, desk))
        return warn_if_unreachable(settings, desk, state)

    def update(self, actor: Actor, owner: str, changes: Mapping[str, Any]) -> OwnerUpdate:
        """Change the settings of an owner. Fields that are not named stay; null resets a field to the desk default.

        :param changes: `idle_policy` and `channels` as mappings, `max_hours`, `before_stop_hook` and `monthly_budget`
        :raises Forbidden: a user names another owner, or sets a budget
        :raises ValidationFailed: the settings exceed the limits, or an address is invalid
        """
        actor.resolve_owner_for_list(owner)
        if "monthly_budget" in changes:
            actor.require_admin("set a budget")

        def update_once() -> OwnerUpdate:
            before = self.stores.owners.get(owner)
            after = replace(
                before,
                policy=_change_policy(before.policy, changes),
                channels=merge_channels(before.channels, changes.get("channels", {})),
                monthly_budget=changes.get("monthly_budget", before.monthly_budget),
            )
            desk = self.stores.desk.get_settings()
            policy = self._validate(after, desk)
            recipient = Recipient.of_owner(owner, after.channels)
            secret = find_new_secret(recipient.name, before.channels, after.channels, self.get_webhook_secret)
            welcomes = [build_webhook_welcome(recipient, self.clock.now())] if secret else []
            saved = self.stores.owners.save(after, welcomes) if after != before else before
            if saved is not before:
                log_owner_change(owner, actor.name, changes)
            has_idle_minutes = "idle_minutes" in (changes.get("idle_policy") or {})
            default = desk.defaults.idle_policy.warning_minutes
            warning = warn_if_lowered(after.policy, default, policy) if has_idle_minutes else None
            return OwnerUpdate(saved, secret, warning)

        return retry_user_write(f"The settings of {owner}", update_once)

    def _validate(self, settings: OwnerSettings, desk: DeskSettings) -> IdlePolicy:
        """Return the idle policy of the owner's new instances.

        :raises ValidationFailed: the settings exceed the limits, or an address is invalid
        """
        policy, max_hours = apply_override(settings.policy, desk.defaults.idle_policy, desk.defaults.max_hours)
        errors = [
            *validate_policy(policy, max_hours, desk.limits),
            *validate_channels(settings.channels, allow_private=self.allow_private_webhooks),
        ]
        if errors:
            raise build_validation_error(errors)
        return policy


def _change_policy(before: PolicyOverride, changes: Mapping[str, Any]) -> PolicyOverride:
    after = before
    if "max_hours" in changes:
        after = replace(after, max_hours=changes["max_hours"])
    if "before_stop_hook" in changes:
        after = replace(after, before_stop_hook=changes["before_stop_hook"])
    if "idle_policy" in changes:
        idle_policy = changes["idle_policy"]
        others = PolicyOverride(max_hours=after.max_hours, before_stop_hook=after.before_stop_hook)
        after = others if idle_policy is None else merge_policy(after, idle_policy)
    return after

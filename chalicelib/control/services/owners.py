"""What owners set for themselves: a policy of their own, and where they are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import build_validation_error
from chalicelib.domain.desk.channels import Channels, validate_channels
from chalicelib.domain.desk.policy_limits import validate_policy
from chalicelib.domain.desk.policy_override import PolicyOverride, apply_override
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.store.desk import DeskRepository
from chalicelib.store.owners import OwnerRepository

SecretFor = Callable[[str, int], str]
"""The secret of a webhook, by whose it is and the number of its key."""


@dataclass(frozen=True)
class OwnerUpdate:
    """What was set.

    :param webhook_secret: of a webhook that was set just now; it is shown this once
    """

    settings: OwnerSettings
    webhook_secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class OwnerService:
    """GET and PATCH /owners/{owner}."""

    owners: OwnerRepository
    desk: DeskRepository
    secrets: SecretFor
    webhooks_may_be_local: bool

    def get(self, actor: Actor, owner: str) -> OwnerSettings:
        """:raises Forbidden: somebody else's"""
        actor.list_scope(owner)
        return self.owners.get(owner)

    def update(self, actor: Actor, owner: str, given: Mapping[str, Any]) -> OwnerUpdate:
        """What is not named stays, what is null is the desk's again.

        :param given: `idle_policy` and `channels` as mappings, `max_hours`
        :raises Forbidden: somebody else's
        :raises Invalid: outside of what the admin allows, or no address
        """
        actor.list_scope(owner)

        def update_once() -> OwnerUpdate:
            before = self.owners.get(owner)
            after = replace(
                before,
                policy=_policy(before.policy, given),
                channels=merge_channels(before.channels, given.get("channels", {})),
            )
            self._check(after, self.desk.settings())
            saved = self.owners.save(after) if after != before else before
            return OwnerUpdate(
                saved, webhook_secret_if_new(f"owner/{owner}", before.channels, saved.channels, self.secrets)
            )

        return retry_user_write(f"Owner {owner}", update_once)

    def _check(self, settings: OwnerSettings, desk: DeskSettings) -> None:
        policy, max_hours = apply_override(settings.policy, desk.defaults.idle_policy, desk.defaults.max_hours)
        errors = [
            *validate_policy(policy, max_hours, desk.limits),
            *validate_channels(settings.channels, may_be_local=self.webhooks_may_be_local),
        ]
        if errors:
            raise build_validation_error(errors)


def merge_channels(before: Channels, given: Mapping[str, Any]) -> Channels:
    """The channels after a change; each webhook that is set has a key of its own, the same URL again, too."""
    return replace(
        before,
        **given,
        email_generation=before.email_generation + (1 if given.get("email") else 0),
        webhook_generation=before.webhook_generation + (1 if given.get("webhook") else 0),
    )


def webhook_secret_if_new(name: str, before: Channels, after: Channels, secrets: SecretFor) -> str | None:
    """The secret, where a webhook was set just now."""
    is_new = after.webhook is not None and after.webhook_generation != before.webhook_generation
    return secrets(name, after.webhook_generation) if is_new else None


def _policy(before: PolicyOverride, given: Mapping[str, Any]) -> PolicyOverride:
    changed = before
    if "max_hours" in given:
        changed = replace(changed, max_hours=given["max_hours"])
    if "idle_policy" in given:
        policy = given["idle_policy"]
        changed = merge_policy(changed, policy) if policy is not None else PolicyOverride(max_hours=changed.max_hours)
    return changed


def merge_policy(before: PolicyOverride, given: Mapping[str, Any]) -> PolicyOverride:
    """A policy as it was said, with what is said of it now; thresholds one by one."""
    signals = given.get("signals")
    return replace(
        before,
        idle_minutes=given.get("idle_minutes", before.idle_minutes),
        warning_minutes=given.get("warning_minutes", before.warning_minutes),
        signals=tuple(signals) if signals is not None else before.signals,
        thresholds={**before.thresholds, **given.get("thresholds", {})},
    )

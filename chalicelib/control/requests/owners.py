"""What owners set for themselves: a policy of their own, and where they are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.actors import Actor
from chalicelib.domain.asks import refused
from chalicelib.domain.channels import Channels, channel_errors
from chalicelib.domain.desk import DeskSettings
from chalicelib.domain.errors import Conflict, ErrorCode
from chalicelib.domain.owners import OwnerSettings
from chalicelib.domain.policies import PolicyAsk, asked_for, policy_errors
from chalicelib.store.desk import DeskStore
from chalicelib.store.owners import Owners
from chalicelib.store.transactions import TRIES, Stale

Secrets = Callable[[str, int], str]
"""The secret of a webhook, by whose it is and the number of its key."""


@dataclass(frozen=True)
class Told:
    """What was set.

    :param webhook_secret: of a webhook that was set just now; it is shown this once
    """

    settings: OwnerSettings
    webhook_secret: str | None = None


@dataclass(frozen=True, kw_only=True)
class OwnerRequests:
    """GET and PATCH /owners/{owner}."""

    owners: Owners
    desk: DeskStore
    secrets: Secrets
    webhooks_may_be_local: bool

    def settings(self, actor: Actor, owner: str) -> OwnerSettings:
        """:raises Forbidden: somebody else's"""
        actor.scope(owner)
        return self.owners.get(owner)

    def change(self, actor: Actor, owner: str, given: Mapping[str, Any]) -> Told:
        """What is not named stays, what is null is the desk's again.

        :param given: `idle_policy` and `channels` as mappings, `max_hours`
        :raises Forbidden: somebody else's
        :raises Invalid: outside of what the admin allows, or no address
        """
        actor.scope(owner)
        for _ in range(TRIES):
            before = self.owners.get(owner)
            after = replace(
                before,
                policy=_policy(before.policy, given),
                channels=channels_changed(before.channels, given.get("channels", {})),
            )
            self._check(after, self.desk.settings())
            try:
                saved = self.owners.save(after) if after != before else before
            except Stale:
                continue
            return Told(saved, new_secret(f"owner/{owner}", before.channels, saved.channels, self.secrets))
        raise Conflict("the settings are being changed by others; try again", code=ErrorCode.CONCURRENT_UPDATE)

    def _check(self, settings: OwnerSettings, desk: DeskSettings) -> None:
        policy, max_hours = asked_for(settings.policy, desk.defaults.idle_policy, desk.defaults.max_hours)
        errors = [
            *policy_errors(policy, max_hours, desk.limits),
            *channel_errors(settings.channels, may_be_local=self.webhooks_may_be_local),
        ]
        if errors:
            raise refused(errors)


def channels_changed(before: Channels, given: Mapping[str, Any]) -> Channels:
    """The channels after a change; each webhook that is set has a key of its own, the same URL again, too."""
    return replace(
        before,
        **given,
        email_key=before.email_key + (1 if given.get("email") else 0),
        webhook_key=before.webhook_key + (1 if given.get("webhook") else 0),
    )


def new_secret(name: str, before: Channels, after: Channels, secrets: Secrets) -> str | None:
    """The secret, where a webhook was set just now."""
    is_new = after.webhook is not None and after.webhook_key != before.webhook_key
    return secrets(name, after.webhook_key) if is_new else None


def _policy(before: PolicyAsk, given: Mapping[str, Any]) -> PolicyAsk:
    changed = before
    if "max_hours" in given:
        changed = replace(changed, max_hours=given["max_hours"])
    if "idle_policy" in given:
        policy = given["idle_policy"]
        changed = policy_changed(changed, policy) if policy is not None else PolicyAsk(max_hours=changed.max_hours)
    return changed


def policy_changed(before: PolicyAsk, given: Mapping[str, Any]) -> PolicyAsk:
    """A policy as it was said, with what is said of it now; thresholds one by one."""
    signals = given.get("signals")
    return replace(
        before,
        idle_minutes=given.get("idle_minutes", before.idle_minutes),
        warning_minutes=given.get("warning_minutes", before.warning_minutes),
        signals=tuple(signals) if signals is not None else before.signals,
        thresholds={**before.thresholds, **given.get("thresholds", {})},
    )

"""Merge changes of a request into the stored settings of the desk and of owners, and find the state of an address."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.control.services.upstream_errors import to_upstream_error
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.notifications.email_subscription import EmailState
from chalicelib.store.desk import DeskRepository

GetWebhookSecret = Callable[[str, int], str]
"""Returns the secret of a webhook, given the name of its owner and the number of its key."""


def merge_channels(before: Channels, changes: Mapping[str, Any]) -> Channels:
    """Return the channels after a change. Each webhook that is set gets a new key, even if its URL is the same.

    :param changes: the fields to change; null removes a channel
    """
    return replace(
        before,
        **changes,
        email_generation=before.email_generation + (1 if changes.get("email") else 0),
        webhook_generation=before.webhook_generation + (1 if changes.get("webhook") else 0),
    )


def find_new_secret(name: str, before: Channels, after: Channels, get_secret: GetWebhookSecret) -> str | None:
    """Return the secret of a webhook that this change sets; None if it sets none.

    Call this before the write: a caller who does not get the secret must not have changed the webhook.

    :raises UpstreamError: SSM rejected the call for the key, or did not respond
    """
    is_new = after.webhook is not None and after.webhook_generation != before.webhook_generation
    if not is_new:
        return None
    try:
        return get_secret(name, after.webhook_generation)
    except AwsError as error:
        summary = "SSM did not return the key of webhook secrets, so nothing was changed"
        raise to_upstream_error(summary, error) from error


def merge_policy(before: PolicyOverride, changes: Mapping[str, Any]) -> PolicyOverride:
    """Return the override after a change. Thresholds that the change does not name stay."""
    signals = changes.get("signals")
    return replace(
        before,
        idle_minutes=changes.get("idle_minutes", before.idle_minutes),
        warning_minutes=changes.get("warning_minutes", before.warning_minutes),
        signals=tuple(signals) if signals is not None else before.signals,
        thresholds={**before.thresholds, **changes.get("thresholds", {})},
    )


def find_email_state(desk: DeskRepository, channels: Channels) -> EmailState | None:
    """Return whether the address of channels is confirmed; None without an address.

    An address that was just set is pending: the next round of notifications requests its confirmation.
    """
    if channels.email is None:
        return None
    found = desk.find_email_subscription(channels.email, channels.email_generation)
    return found.state if found else EmailState.PENDING

"""E-mail subscriptions of SNS: an address receives notifications only after it has confirmed its subscription.

moto confirms every subscription at once and sends no mail.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import Subscription
from moto.sns.responses import SNSResponse

from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.sns.mailbox import Mailbox
from local.aws.sns.subscription_mails import build_confirmation_mail, build_notification_mail

Action = Callable[[Any], Any]

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
SUBJECT = re.compile(r"[^\x00-\x1f\x7f]{1,99}")
TOKEN_VALID_FOR = timedelta(days=2)
"""A subscription that is not confirmed in this time is removed."""


@dataclass(frozen=True)
class _Confirmation:
    """A confirmation that SNS has requested by mail.

    :param valid_until: when the token expires
    """

    subscription: Any
    valid_until: datetime


class EmailSubscriptions:
    """Extension of subscriptions with `Protocol: email`.

    :param now: returns the cloud's time
    """

    def __init__(self, timing: AwsTiming, now: Callable[[], datetime], mailbox: Mailbox) -> None:
        """Start without pending confirmations."""
        self._timing = timing
        self._now = now
        self._mailbox = mailbox
        self._confirmations: dict[str, _Confirmation] = {}
        self._deleted: list[Any] = []

    def patch(self, patches: Patches) -> None:
        """Extend the calls of SNS."""
        patches.wrap(Subscription, "publish", self._publish)
        if not self._timing.is_strict:
            return
        patches.wrap(SNSResponse, "call_action", self._expire_confirmations)
        patches.wrap(SNSResponse, "subscribe", self._subscribe)
        patches.wrap(SNSResponse, "confirm_subscription", self._confirm)
        patches.wrap(SNSResponse, "publish", _check_subject)
        for name in ("unsubscribe", "set_subscription_attributes"):
            patches.wrap(SNSResponse, name, _reject_pending)
        patches.wrap(SNSResponse, "unsubscribe", self._remember_deleted)
        patches.wrap(SNSResponse, "list_subscriptions_by_topic", self._list_deleted)
        for name in ("list_subscriptions", "list_subscriptions_by_topic"):
            patches.wrap(SNSResponse, name, _hide_pending_arns)

    def _subscribe(self, original: Action) -> Action:
        def subscribe(response: Any) -> Any:
            address, protocol = response._get_param("Endpoint"), response._get_param("Protocol")
            if protocol != "email":
                return original(response)
            if not ADDRESS.fullmatch(address or ""):
                raise SNSInvalidParameter("Invalid parameter: Email address")
            topic = response._get_param("TopicArn")
            existing = response.backend._find_subscription(topic, address, protocol)
            if existing and _has_other_attributes(existing.attributes, response._get_attributes()):
                raise SNSInvalidParameter(
                    "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
                )
            result = original(response)
            subscription = existing or response.backend._find_subscription(topic, address, protocol)
            if existing is None:
                subscription.attributes |= {"PendingConfirmation": True, "ConfirmationWasAuthenticated": False}
            if not _is_pending(subscription):
                return result
            self._send_confirmation(subscription)
            return (
                result
                if response._get_bool_param("ReturnSubscriptionArn")
                else _build_arn_result("pending confirmation")
            )

        return subscribe

    def _confirm(self, original: Action) -> Action:
        def confirm_subscription(response: Any) -> Any:
            original(response)  # rejects a topic that does not exist
            confirmation = self._confirmations.get(response._get_param("Token"))
            if confirmation is None or confirmation.subscription.topic.arn != response._get_param("TopicArn"):
                raise SNSInvalidParameter("Invalid parameter: Token")
            is_authenticated = response._get_param("AuthenticateOnUnsubscribe") == "true"
            confirmation.subscription.attributes |= {
                "PendingConfirmation": False,
                "ConfirmationWasAuthenticated": is_authenticated,
            }
            return _build_arn_result(confirmation.subscription.arn)

        return confirm_subscription

    def _remember_deleted(self, original: Action) -> Action:
        def unsubscribe(response: Any) -> Any:
            subscription = response.backend.subscriptions.get(response._get_param("SubscriptionArn"))
            result = original(response)
            if subscription and subscription.protocol == "email":
                subscription.arn = "Deleted"
                self._deleted.append(subscription)
            return result

        return unsubscribe

    def _list_deleted(self, original: Action) -> Action:
        """List a deleted subscription with "Deleted" as its ARN, as SNS does.

        https://github.com/ansible/ansible/pull/20086
        """

        def list_subscriptions(response: Any) -> ActionResult:
            result: dict[str, Any] = original(response).result
            topic = response._get_param("TopicArn")
            deleted = [each for each in self._deleted if each.topic.arn == topic]
            return ActionResult(result | {"Subscriptions": [*result["Subscriptions"], *deleted]})

        return list_subscriptions

    def _publish(self, original: Callable[..., None]) -> Callable[..., None]:
        def publish(
            subscription: Any,
            message: str,
            message_id: str,
            subject: str | None = None,
            message_attributes: Mapping[str, Any] | None = None,
            **options: Any,
        ) -> None:
            if subscription.protocol != "email":
                original(subscription, message, message_id, subject, message_attributes, **options)
                return
            matcher = subscription._filter_policy_matcher
            if _is_pending(subscription) or (matcher and not matcher.matches(message_attributes or {}, message)):
                return
            if options.get("message_structure") == "json":
                message = subscription._parse_message_structure(message, "email")
            self._mailbox.deliver(build_notification_mail(subscription, subject, message, self._now()))

        return publish

    def _send_confirmation(self, subscription: Any) -> None:
        token, now = secrets.token_hex(64), self._now()
        self._confirmations[token] = _Confirmation(subscription, now + TOKEN_VALID_FOR)
        self._mailbox.deliver(build_confirmation_mail(subscription, token, now))

    def _expire_confirmations(self, original: Action) -> Action:
        """Before each call, remove expired tokens, and pending subscriptions that have no valid token left."""

        def call_action(response: Any) -> Any:
            now = self._now()
            expired_tokens = [
                token for token, confirmation in self._confirmations.items() if confirmation.valid_until <= now
            ]
            expired_subscriptions = [self._confirmations.pop(token).subscription for token in expired_tokens]
            pending_subscriptions = [confirmation.subscription for confirmation in self._confirmations.values()]
            for subscription in expired_subscriptions:
                if _is_pending(subscription) and subscription not in pending_subscriptions:
                    subscription.topic.sns_backend.subscriptions.pop(subscription.arn, None)
            return original(response)

        return call_action


def _check_subject(original: Action) -> Action:
    def publish(response: Any) -> Any:
        subject = response._get_param("Subject")
        if subject is not None and not SUBJECT.fullmatch(subject):
            raise SNSInvalidParameter("Invalid parameter: Subject")
        return original(response)

    return publish


def _reject_pending(original: Action) -> Action:
    def call_unless_pending(response: Any) -> Any:
        subscription = response.backend.subscriptions.get(response._get_param("SubscriptionArn"))
        if subscription and _is_pending(subscription):
            raise SNSInvalidParameter("Invalid parameter: This operation cannot be performed on a pending subscription")
        return original(response)

    return call_unless_pending


def _hide_pending_arns(original: Action) -> Action:
    """List a pending subscription without its ARN."""

    def list_subscriptions(response: Any) -> ActionResult:
        result: dict[str, Any] = original(response).result
        described = [_describe_subscription(subscription) for subscription in result["Subscriptions"]]
        return ActionResult(result | {"Subscriptions": described})

    return list_subscriptions


def _describe_subscription(subscription: Any) -> Mapping[str, str]:
    return {
        "SubscriptionArn": "PendingConfirmation" if _is_pending(subscription) else subscription.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic.arn,
    }


def _is_pending(subscription: Any) -> bool:
    return bool(subscription.attributes["PendingConfirmation"])


def _has_other_attributes(existing: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    return any(_normalize(existing.get(name)) != _normalize(value) for name, value in attributes.items())


def _normalize(value: Any) -> Any:
    """Return a JSON object in parsed form, so that its formatting does not matter in a comparison."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def _build_arn_result(text: str) -> ActionResult:
    return ActionResult({"SubscriptionArn": text})

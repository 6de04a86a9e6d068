"""SNS by e-mail: a subscription waits until its address has confirmed it, and mails go to those that have.

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
from local.aws.sns.mailbox import Mail, Mailbox

Action = Callable[[Any], Any]

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
SUBJECT = re.compile(r"[^\x00-\x1f\x7f]{1,99}")
TOKEN_LIFE = timedelta(days=2)
"""A subscription that nobody has confirmed by then is gone."""

DEFAULT_SUBJECT = "AWS Notification Message"
CONFIRM_SUBJECT = "AWS Notification - Subscription Confirmation"
CONFIRM_TEXT = """You have chosen to subscribe to the topic:
{topic}

To confirm this subscription, click or visit the link below (If this was in error no action is necessary):
Confirm subscription: {link}
"""
FOOTER = """

--
If you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:
{link}

Please do not reply directly to this email. If you have any questions or comments regarding this email, please contact \
us at https://aws.amazon.com/support
"""


@dataclass(frozen=True)
class _Waiting:
    """A confirmation that was asked for. :param until: it is void from then on"""

    subscription: Any
    until: datetime


class EmailSubscriptions:
    """What AWS does with `Protocol: email`.

    :param now: the cloud's time
    """

    def __init__(self, timing: AwsTiming, now: Callable[[], datetime], mailbox: Mailbox) -> None:
        self._timing = timing
        self._now = now
        self._mailbox = mailbox
        self._waiting: dict[str, _Waiting] = {}

    def patch(self, patches: Patches) -> None:
        patches.wrap(Subscription, "publish", self._publish)
        if not self._timing.is_strict:
            return
        patches.wrap(SNSResponse, "call_action", self._without_the_expired)
        patches.wrap(SNSResponse, "subscribe", self._subscribe)
        patches.wrap(SNSResponse, "confirm_subscription", self._confirm)
        patches.wrap(SNSResponse, "publish", _with_a_subject_that_mail_takes)
        for name in ("unsubscribe", "set_subscription_attributes"):
            patches.wrap(SNSResponse, name, _once_confirmed)
        for name in ("list_subscriptions", "list_subscriptions_by_topic"):
            patches.wrap(SNSResponse, name, _with_pending_ones)

    def _subscribe(self, original: Action) -> Action:
        def subscribe(response: Any) -> Any:
            address, protocol = response._get_param("Endpoint"), response._get_param("Protocol")
            if protocol != "email":
                return original(response)
            if not ADDRESS.fullmatch(address or ""):
                raise SNSInvalidParameter("Invalid parameter: Email address")
            topic = response._get_param("TopicArn")
            known = response.backend._find_subscription(topic, address, protocol)
            if known and _differ(known.attributes, response._get_attributes()):
                raise SNSInvalidParameter(
                    "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
                )
            answer = original(response)
            subscription = known or response.backend._find_subscription(topic, address, protocol)
            if known is None:
                subscription.attributes |= {"PendingConfirmation": True, "ConfirmationWasAuthenticated": False}
            if not _is_pending(subscription):
                return answer
            self._send_confirmation(subscription)
            return answer if response._get_bool_param("ReturnSubscriptionArn") else _arn("pending confirmation")

        return subscribe

    def _confirm(self, original: Action) -> Action:
        def confirm_subscription(response: Any) -> Any:
            original(response)  # refuses a topic that is not there
            waiting = self._waiting.get(response._get_param("Token"))
            if waiting is None or waiting.subscription.topic.arn != response._get_param("TopicArn"):
                raise SNSInvalidParameter("Invalid parameter: Token")
            is_authenticated = response._get_param("AuthenticateOnUnsubscribe") == "true"
            waiting.subscription.attributes |= {
                "PendingConfirmation": False,
                "ConfirmationWasAuthenticated": is_authenticated,
            }
            return _arn(waiting.subscription.arn)

        return confirm_subscription

    def _publish(self, original: Callable[..., None]) -> Callable[..., None]:
        def publish(
            subscription: Any,
            message: str,
            message_id: str,
            subject: str | None = None,
            message_attributes: Mapping[str, Any] | None = None,
            **others: Any,
        ) -> None:
            if subscription.protocol != "email":
                original(subscription, message, message_id, subject, message_attributes, **others)
                return
            matcher = subscription._filter_policy_matcher
            if _is_pending(subscription) or (matcher and not matcher.matches(message_attributes or {}, message)):
                return
            if others.get("message_structure") == "json":
                message = subscription._parse_message_structure(message, "email")
            text = message + FOOTER.format(link=_link(subscription, "unsubscribe", SubscriptionArn=subscription.arn))
            self._mailbox.deliver(Mail(self._now(), subscription.endpoint, subject or DEFAULT_SUBJECT, text))

        return publish

    def _send_confirmation(self, subscription: Any) -> None:
        token, topic = secrets.token_hex(64), subscription.topic.arn
        self._waiting[token] = _Waiting(subscription, self._now() + TOKEN_LIFE)
        text = CONFIRM_TEXT.format(topic=topic, link=_link(subscription, "confirmation", TopicArn=topic, Token=token))
        self._mailbox.deliver(Mail(self._now(), subscription.endpoint, CONFIRM_SUBJECT, text, token))

    def _without_the_expired(self, original: Action) -> Action:
        """Before each call of SNS: tokens end, and so do subscriptions whose last one did."""

        def call_action(response: Any) -> Any:
            now = self._now()
            over = [token for token, waiting in self._waiting.items() if waiting.until <= now]
            gone = [self._waiting.pop(token).subscription for token in over]
            still_asked = [waiting.subscription for waiting in self._waiting.values()]
            for subscription in gone:
                if _is_pending(subscription) and subscription not in still_asked:
                    subscription.topic.sns_backend.subscriptions.pop(subscription.arn, None)
            return original(response)

        return call_action


def _with_a_subject_that_mail_takes(original: Action) -> Action:
    def publish(response: Any) -> Any:
        subject = response._get_param("Subject")
        if subject is not None and not SUBJECT.fullmatch(subject):
            raise SNSInvalidParameter("Invalid parameter: Subject")
        return original(response)

    return publish


def _once_confirmed(original: Action) -> Action:
    def act(response: Any) -> Any:
        subscription = response.backend.subscriptions.get(response._get_param("SubscriptionArn"))
        if subscription and _is_pending(subscription):
            raise SNSInvalidParameter("Invalid parameter: This operation cannot be performed on a pending subscription")
        return original(response)

    return act


def _with_pending_ones(original: Action) -> Action:
    """A pending subscription is listed without its ARN."""

    def list_them(response: Any) -> ActionResult:
        found: dict[str, Any] = original(response).result
        return ActionResult(found | {"Subscriptions": [_listed(each) for each in found["Subscriptions"]]})

    return list_them


def _listed(subscription: Any) -> Mapping[str, str]:
    return {
        "SubscriptionArn": "PendingConfirmation" if _is_pending(subscription) else subscription.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic.arn,
    }


def _is_pending(subscription: Any) -> bool:
    return bool(subscription.attributes["PendingConfirmation"])


def _differ(known: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    return any(_plain(known.get(name)) != _plain(value) for name, value in asked.items())


def _plain(value: Any) -> Any:
    """Policies are compared by what they say, not by how it is written."""
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def _arn(text: str) -> ActionResult:
    return ActionResult({"SubscriptionArn": text})


def _link(subscription: Any, page: str, **query: str) -> str:
    words = "&".join(f"{name}={value}" for name, value in {**query, "Endpoint": subscription.endpoint}.items())
    return f"https://sns.{subscription.topic.sns_backend.region_name}.amazonaws.com/{page}.html?{words}"

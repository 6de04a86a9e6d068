"""Mails that SNS sends to e-mail subscriptions, in the words of AWS."""

from datetime import datetime
from typing import Any

from local.aws.sns.mailbox import Mail

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


def build_confirmation_mail(subscription: Any, token: str, at: datetime) -> Mail:
    """Return the mail that asks an address to confirm its subscription.

    :param subscription: moto's subscription
    :param token: token for ConfirmSubscription
    """
    topic = subscription.topic.arn
    text = CONFIRM_TEXT.format(topic=topic, link=_build_link(subscription, "confirmation", TopicArn=topic, Token=token))
    return Mail(at, subscription.endpoint, CONFIRM_SUBJECT, text, token)


def build_notification_mail(subscription: Any, subject: str | None, message: str, at: datetime) -> Mail:
    """Return the mail with a published message and a link to unsubscribe."""
    link = _build_link(subscription, "unsubscribe", SubscriptionArn=subscription.arn)
    return Mail(at, subscription.endpoint, subject or DEFAULT_SUBJECT, message + FOOTER.format(link=link))


def _build_link(subscription: Any, page: str, **query: str) -> str:
    parameters = {**query, "Endpoint": subscription.endpoint}
    text = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"https://sns.{subscription.topic.sns_backend.region_name}.amazonaws.com/{page}.html?{text}"

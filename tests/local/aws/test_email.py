"""E-mail subscriptions of SNS: an address receives nothing before it has confirmed."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from tests.local.aws.conftest import ONCE, get_error

ADA = "ada@example.org"


@pytest.fixture
def sns(cloud: LocalCloud) -> Any:
    return boto3.client("sns", "us-east-1", config=ONCE)


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name="gpudesk-notifications")["TopicArn"])


def subscribe(sns: Any, topic: str, address: str = ADA, owner: str | None = None, **arguments: Any) -> str:
    """Subscribe an address, and return the ARN.

    :param owner: subscribe only to the messages of this owner
    """
    attributes = {"FilterPolicy": json.dumps({"owner": [owner]})} if owner else {}
    arguments = {"ReturnSubscriptionArn": True, "Attributes": attributes, **arguments}
    return str(sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, **arguments)["SubscriptionArn"])


def publish(sns: Any, topic: str, owner: str = "ada", **arguments: Any) -> None:
    attributes = {"owner": {"DataType": "String", "StringValue": owner}}
    sns.publish(TopicArn=topic, **{"Message": "stops at 09:40", "MessageAttributes": attributes, **arguments})


def is_pending(sns: Any, arn: str) -> bool:
    return bool(sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "true")


def list_texts(cloud: LocalCloud, address: str = ADA) -> list[str]:
    """Return the first lines of the mails that are no confirmation requests."""
    return [mail.text.partition("\n")[0] for mail in cloud.mailbox.list_mails(address) if not mail.token]


def test_no_mail_before_confirmation(cloud: LocalCloud, sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic)
    assert is_pending(sns, arn)
    publish(sns, topic)
    assert list_texts(cloud) == []
    confirmed = sns.confirm_subscription(TopicArn=topic, Token=cloud.mailbox.find_token(ADA))["SubscriptionArn"]
    assert confirmed == arn
    assert not is_pending(sns, arn)
    publish(sns, topic, Subject="brave-otter stops at 09:40")
    assert list_texts(cloud) == ["stops at 09:40"]
    assert cloud.mailbox.list_mails(ADA)[-1].subject == "brave-otter stops at 09:40"


def test_pending_subscription_shows_arn_only_on_request(cloud: LocalCloud, sns: Any, topic: str) -> None:
    assert subscribe(sns, topic, ReturnSubscriptionArn=False) == "pending confirmation"
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [(each["SubscriptionArn"], each["Endpoint"]) for each in listed] == [("PendingConfirmation", ADA)]
    assert sns.list_subscriptions()["Subscriptions"] == listed
    arn = sns.confirm_subscription(TopicArn=topic, Token=cloud.mailbox.find_token(ADA))["SubscriptionArn"]
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]["SubscriptionArn"] == arn
    assert subscribe(sns, topic, ReturnSubscriptionArn=False) == arn


def test_repeated_subscribe_mails_again_until_confirmed(cloud: LocalCloud, sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic, owner="ada")
    first = cloud.mailbox.find_token(ADA)
    assert subscribe(sns, topic, owner="ada") == arn
    assert cloud.mailbox.find_token(ADA) != first
    sns.confirm_subscription(TopicArn=topic, Token=first)
    assert subscribe(sns, topic, owner="ada") == arn
    assert len(cloud.mailbox.list_mails(ADA)) == 2


def test_subscription_with_other_attributes_is_rejected(sns: Any, topic: str) -> None:
    subscribe(sns, topic, owner="ada")
    assert get_error(subscribe, sns=sns, topic=topic, owner="eve") == ("InvalidParameter", 400)


def test_only_messages_that_match_filter_are_mailed(cloud: LocalCloud, sns: Any, topic: str) -> None:
    for owner in ("ada", "eve"):
        subscribe(sns, topic, f"{owner}@example.org", owner)
        sns.confirm_subscription(TopicArn=topic, Token=cloud.mailbox.find_token(f"{owner}@example.org"))
    publish(sns, topic, owner="ada")
    publish(sns, topic, owner="nobody")
    sns.publish(TopicArn=topic, Message="without an owner")
    assert list_texts(cloud, "ada@example.org") == ["stops at 09:40"]
    assert list_texts(cloud, "eve@example.org") == []


def test_structured_message_uses_email_text(cloud: LocalCloud, sns: Any, topic: str) -> None:
    subscribe(sns, topic)
    sns.confirm_subscription(TopicArn=topic, Token=cloud.mailbox.find_token(ADA))
    words = {"default": "short", "email": "the text of the e-mail"}
    publish(sns, topic, Message=json.dumps(words), MessageStructure="json")
    assert list_texts(cloud) == ["the text of the e-mail"]


def test_unconfirmed_subscription_ends_with_its_token_after_2_days(
    cloud: LocalCloud, sns: Any, topic: str, clock: ManualClock
) -> None:
    arn = subscribe(sns, topic)
    token = cloud.mailbox.find_token(ADA)
    clock.advance(timedelta(days=2))
    assert get_error(sns.confirm_subscription, TopicArn=topic, Token=token)[0] == "InvalidParameter"
    assert get_error(sns.get_subscription_attributes, SubscriptionArn=arn)[0] == "NotFound"


def test_confirmed_subscription_outlives_its_token(cloud: LocalCloud, sns: Any, topic: str, clock: ManualClock) -> None:
    arn = subscribe(sns, topic)
    sns.confirm_subscription(TopicArn=topic, Token=cloud.mailbox.find_token(ADA))
    clock.advance(timedelta(days=3))
    assert not is_pending(sns, arn)
    sns.unsubscribe(SubscriptionArn=arn)
    publish(sns, topic)
    assert list_texts(cloud) == []


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("subscribe", {"Protocol": "email", "Endpoint": "nobody"}),
        ("publish", {"Message": "m", "Subject": "two\nlines"}),
        ("publish", {"Message": "m", "Subject": "x" * 100}),
        ("confirm_subscription", {"Token": "guessed"}),
    ],
)
def test_invalid_call_is_rejected(sns: Any, topic: str, operation: str, arguments: dict[str, str]) -> None:
    assert get_error(getattr(sns, operation), TopicArn=topic, **arguments) == ("InvalidParameter", 400)


def test_pending_subscription_cannot_be_removed(sns: Any, topic: str) -> None:
    arn = subscribe(sns, topic)
    assert get_error(sns.unsubscribe, SubscriptionArn=arn)[0] == "InvalidParameter"


def test_publish_can_fail(cloud: LocalCloud, sns: Any, topic: str) -> None:
    cloud.faults.inject("Publish", "InternalError")
    assert get_error(sns.publish, TopicArn=topic, Message="m") == ("InternalError", 500)
    assert cloud.calls["sns:Publish"] == 1


@pytest.fixture
def instant_cloud() -> Iterator[LocalCloud]:
    with in_process_cloud(timing=AwsTiming.instant()) as cloud:
        yield cloud


def test_instant_timing_needs_no_confirmation(instant_cloud: LocalCloud) -> None:
    sns = boto3.client("sns", "us-east-1")
    topic = sns.create_topic(Name="t")["TopicArn"]
    assert not is_pending(sns, subscribe(sns, topic))
    publish(sns, topic)
    assert list_texts(instant_cloud) == ["stops at 09:40"]

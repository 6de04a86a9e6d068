"""E-mail by SNS: one topic of the stage, a subscription for each address, filtered so that each gets its own."""

import json
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.common.errors import AwsError, DeliveryFailed

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

ADDRESS = "to"
"""The message's attribute that subscriptions filter by."""

PENDING = "PendingConfirmation"
"""What SNS lists as the ARN of a subscription that nobody has confirmed."""


class EmailTopic:
    """The stage's topic.

    :param topic_arn: empty where the stage has none
    """

    def __init__(self, clients: Clients, topic_arn: str) -> None:
        self._clients = clients
        self._topic = topic_arn

    def subscribe(self, address: str) -> None:
        """Subscribe it: SNS then asks its owner for confirmation, by mail. A stage without a topic invites nobody.

        :raises CloudError: SNS refused
        """
        if not self._topic:
            return
        with translate_errors():
            self._sns().subscribe(
                TopicArn=self._topic,
                Protocol="email",
                Endpoint=address,
                Attributes={"FilterPolicy": json.dumps({ADDRESS: [address]})},
            )

    def is_confirmed(self) -> frozenset[str]:
        """The addresses that have confirmed.

        :raises CloudError: SNS did not say
        """
        with translate_errors():
            pages = self._sns().get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._topic)
            return frozenset(
                each["Endpoint"]
                for page in pages
                for each in page["Subscriptions"]
                if each["Protocol"] == "email" and each["SubscriptionArn"] != PENDING
            )

    def send(self, address: str, subject: str, text: str) -> str:
        """Hand one mail to SNS, which says nothing of what becomes of it.

        :param subject: at most 100 characters of ASCII
        :returns: SNS's id of the message
        :raises NotDelivered: the address has not confirmed, or SNS did not take it
        """
        if not self._topic:
            raise DeliveryFailed("this desk has no topic for e-mail")
        try:
            if address not in self.is_confirmed():
                raise DeliveryFailed(f"{address} has not confirmed: a mail of AWS Notifications asks for it")
            with translate_errors():
                answer = self._sns().publish(
                    TopicArn=self._topic,
                    Subject=subject[:100],
                    Message=text,
                    MessageAttributes={ADDRESS: {"DataType": "String", "StringValue": address}},
                )
        except AwsError as error:
            raise DeliveryFailed(str(error)) from error
        return f"SNS took it as {answer['MessageId']}"

    def _sns(self) -> "SNSClient":
        return self._clients.sns(self._topic.split(":")[3])

"""E-mail by SNS: one topic for the stage, with a filtered subscription for each address."""

import json
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.errors import DeliveryFailed
from chalicelib.domain.notifications.email_subscription import EmailState

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

ADDRESS = "to"
"""The message attribute that subscriptions filter by, so that each address gets only its own mail."""

PENDING_CONFIRMATION = "PendingConfirmation"
"""The ARN that SNS lists for a subscription that is not confirmed."""

MAX_SUBJECT_LENGTH = 100
"""https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


class EmailTopic:
    """The SNS topic of the stage."""

    def __init__(self, clients: Clients, topic_arn: str) -> None:
        """Use this topic.

        :param topic_arn: empty if the stage has no topic
        """
        self._clients = clients
        self._topic_arn = topic_arn

    def subscribe(self, address: str) -> None:
        """Subscribe an address. SNS sends it a mail with a link to confirm. Without a topic, nothing is done.

        :raises AwsError: SNS rejected the call or did not respond
        """
        if not self._topic_arn:
            return
        with translate_errors():
            self._get_client().subscribe(
                TopicArn=self._topic_arn,
                Protocol="email",
                Endpoint=address,
                Attributes={"FilterPolicy": json.dumps({ADDRESS: [address]})},
            )

    def list_states(self) -> dict[str, EmailState]:
        """Return the addresses with a subscription, pending or confirmed. Without a topic, there is none.

        :raises AwsError: SNS rejected the call or did not respond
        """
        if not self._topic_arn:
            return {}
        with translate_errors():
            pages = self._get_client().get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._topic_arn)
            return {
                subscription["Endpoint"]: EmailState.PENDING
                if subscription["SubscriptionArn"] == PENDING_CONFIRMATION
                else EmailState.CONFIRMED
                for page in pages
                for subscription in page["Subscriptions"]
                if subscription["Protocol"] == "email"
            }

    def send(self, address: str, subject: str, text: str) -> str:
        """Hand one mail to SNS, which does not report whether the mail arrives.

        :param subject: ASCII; SNS allows 100 characters, and more are cut off
        :returns: the result, with SNS's id of the message
        :raises DeliveryFailed: the address is not confirmed, or SNS did not accept the mail
        """
        if not self._topic_arn:
            raise DeliveryFailed("No e-mail was sent: this deployment of gpudesk has no SNS topic.")
        try:
            if self.list_states().get(address) is not EmailState.CONFIRMED:
                raise DeliveryFailed(
                    f"{address} is not confirmed. Follow the link in the mail from AWS Notifications first. To get "
                    "another mail, set the address again."
                )
            with translate_errors():
                response = self._get_client().publish(
                    TopicArn=self._topic_arn,
                    Subject=subject[:MAX_SUBJECT_LENGTH],
                    Message=text,
                    MessageAttributes={ADDRESS: {"DataType": "String", "StringValue": address}},
                )
        except AwsError as error:
            raise DeliveryFailed(f"SNS did not accept the mail: {error.description}") from error
        return f"SNS accepted the mail as message {response['MessageId']}."

    def _get_client(self) -> "SNSClient":
        return self._clients.sns(self._topic_arn.split(":")[3])

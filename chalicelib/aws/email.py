"""E-mail by SNS: one topic for the stage, with a filtered subscription for each address."""

import json
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.errors import DeliveryFailed
from chalicelib.domain.notifications.email_subscription import EmailState, describe_unconfirmed_address

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

ADDRESS = "to"
"""The message attribute that subscriptions filter by, so that each address gets only its own mail."""

STATES_BY_ARN = {"PendingConfirmation": EmailState.PENDING, "Deleted": EmailState.UNSUBSCRIBED}
"""Texts that SNS lists in place of an ARN: https://github.com/ansible/ansible/pull/20086 has the second one."""

PRECEDENCE = (EmailState.UNSUBSCRIBED, EmailState.PENDING, EmailState.CONFIRMED)
"""The last of these states counts if an address is listed more than once."""

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

    @property
    def has_topic(self) -> bool:
        """Return whether this deployment of gpudesk can send e-mail."""
        return bool(self._topic_arn)

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
        """Return the addresses with a subscription: pending, confirmed or deleted. Without a topic, there is none.

        :raises AwsError: SNS rejected the call or did not respond
        """
        if not self._topic_arn:
            return {}
        with translate_errors():
            pages = self._get_client().get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._topic_arn)
            listed = [
                (subscription["Endpoint"], STATES_BY_ARN.get(subscription["SubscriptionArn"], EmailState.CONFIRMED))
                for page in pages
                for subscription in page["Subscriptions"]
                if subscription["Protocol"] == "email"
            ]
        return dict(sorted(listed, key=lambda item: PRECEDENCE.index(item[1])))

    def send(self, address: str, state: EmailState | None, subject: str, text: str) -> str:
        """Hand one mail to SNS, which does not report whether the mail arrives.

        :param state: what `list_states` shows of the address
        :param subject: ASCII; SNS allows 100 characters, and more are cut off
        :returns: the result, with SNS's id of the message
        :raises DeliveryFailed: the address is not confirmed, or SNS did not accept the mail
        """
        if not self._topic_arn:
            raise DeliveryFailed("No e-mail was sent: this deployment of gpudesk has no SNS topic.")
        refusal = describe_unconfirmed_address(address, state)
        if refusal:
            raise DeliveryFailed(refusal)
        try:
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

"""SNS subscriptions, and the policies of topics.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-subscription.html
"""

from typing import Any

from moto.sns.models import sns_backends
from moto.sns.responses import SNSResponse

from local.aws.cloudformation.added_type import AddedType, Created, Place, Properties, call_operation, to_text

ATTRIBUTES = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")


def _create_subscription(place: Place, _: str, properties: Properties) -> Created:
    topic_arn, protocol, endpoint = (properties[name] for name in ("TopicArn", "Protocol", "Endpoint"))
    attributes = {name: to_text(properties[name]) for name in ATTRIBUTES if name in properties}
    parameters = {"TopicArn": topic_arn, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes}
    call_operation(SNSResponse, "subscribe", place, parameters)
    backend = sns_backends[place.account][place.region]
    subscription: Any = backend._find_subscription(topic_arn, endpoint, protocol)
    return Created(subscription.arn, lambda: backend.unsubscribe(subscription.arn))


def _create_topic_policy(place: Place, name: str, properties: Properties) -> Created:
    backend = sns_backends[place.account][place.region]
    topics = [backend.get_topic(arn) for arn in properties["Topics"]]
    before = [topic.policy for topic in topics]
    for topic in topics:
        topic.policy = to_text(properties["PolicyDocument"])

    def remove() -> None:
        for topic, policy in zip(topics, before, strict=True):
            topic.policy = policy

    return Created(name, remove)


TYPES = (
    AddedType("AWS::SNS::Subscription", _create_subscription),
    AddedType("AWS::SNS::TopicPolicy", _create_topic_policy),
)

"""Access checks of SNS: on a topic, also for calls that name a subscription of it.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
"""

from collections.abc import Iterable, Mapping

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks, list_checks_without_resource

TOPIC_SEGMENTS = 6
"""Segments of the ARN of a topic. That of a subscription has an id as a seventh one."""


def _list_checks_of_topic(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    del facts
    parameters = call.parameters
    arn = parameters.get("TopicArn") or parameters.get("TargetArn")
    if arn is None:
        # A text message names a telephone number, which is no resource.
        return (AccessCheck(f"sns:{call.operation}", "*"),)
    context = {
        key: parameters[name]
        for key, name in (("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint"))
        if name in parameters
    }
    return (AccessCheck(f"sns:{call.operation}", arn, context),)


def _list_checks_of_subscription(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of the topic of a subscription, which is the resource of these calls."""
    del facts
    segments = call.parameters["SubscriptionArn"].split(":")
    return (AccessCheck(f"sns:{call.operation}", ":".join(segments[:TOPIC_SEGMENTS])),)


SNS: Mapping[str, ListChecks] = {
    **dict.fromkeys(
        ("ConfirmSubscription", "GetTopicAttributes", "ListSubscriptionsByTopic", "Publish", "Subscribe"),
        _list_checks_of_topic,
    ),
    **dict.fromkeys(
        ("GetSubscriptionAttributes", "SetSubscriptionAttributes", "Unsubscribe"), _list_checks_of_subscription
    ),
    **dict.fromkeys(("ListSubscriptions", "ListTopics"), list_checks_without_resource),
}

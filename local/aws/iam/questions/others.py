"""Questions about SNS, STS, the Price List, Service Quotas and CloudWatch Logs."""

from collections.abc import Iterable, Iterator, Mapping

from local.aws.iam.questions.call import Ask, Call, Facts, Question, ask_without_resource, build_request_tags

SUBSCRIPTION_SEGMENTS = 7
"""Segments of the ARN of a subscription: that of its topic and an id."""


def _ask_about_topic(call: Call, facts: Facts) -> Iterable[Question]:
    """Ask about a topic.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    """
    del facts
    parameters = call.parameters
    arn = parameters.get("TopicArn") or parameters.get("TargetArn")
    if arn is None:
        # A text message names a telephone number, which is no resource.
        return (Question(f"sns:{call.operation}", "*"),)
    context = {
        key: parameters[name]
        for key, name in (("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint"))
        if name in parameters
    }
    return (Question(f"sns:{call.operation}", arn, context),)


def _ask_about_subscription(call: Call, facts: Facts) -> Iterable[Question]:
    """Ask about the topic of a subscription, which is the resource of these calls."""
    del facts
    segments = call.parameters["SubscriptionArn"].split(":")
    return (Question(f"sns:{call.operation}", ":".join(segments[: SUBSCRIPTION_SEGMENTS - 1])),)


def _ask_assume_role(call: Call, facts: Facts) -> Iterator[Question]:
    """Ask about a role, and about the tags of its session as a permission of their own.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required
    """
    del facts
    parameters = call.parameters
    tags = build_request_tags({tag["Key"]: tag["Value"] for tag in parameters.get("Tags", [])})
    context: dict[str, str | tuple[str, ...]] = {**tags, "sts:RoleSessionName": parameters["RoleSessionName"]}
    if keys := parameters.get("TransitiveTagKeys"):
        context["sts:TransitiveTagKeys"] = tuple(keys)
    for action in ("AssumeRole", "TagSession") if tags else ("AssumeRole",):
        yield Question(f"sts:{action}", parameters["RoleArn"], context)


def _ask_nothing(call: Call, facts: Facts) -> Iterable[Question]:
    """Return no question: everybody may call it."""
    del call, facts
    return ()


def _ask_about_log_group(call: Call, facts: Facts) -> Iterable[Question]:
    """Ask about a log group or a stream.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    """
    del facts
    resource = f"log-group:{call.parameters['logGroupName']}"
    if call.operation == "PutLogEvents":
        resource += f":log-stream:{call.parameters['logStreamName']}"
    elif call.operation == "CreateLogStream":
        resource += ":log-stream:*"
    return (Question(f"logs:{call.operation}", call.build_arn("logs", resource)),)


def _ask_about_quota(call: Call, facts: Facts) -> Iterable[Question]:
    del facts
    return (Question(f"servicequotas:{call.operation}", "*"),)


SNS: Mapping[str, Ask] = {
    **dict.fromkeys(
        ("ConfirmSubscription", "GetTopicAttributes", "ListSubscriptionsByTopic", "Publish", "Subscribe"),
        _ask_about_topic,
    ),
    **dict.fromkeys(("GetSubscriptionAttributes", "SetSubscriptionAttributes", "Unsubscribe"), _ask_about_subscription),
    **dict.fromkeys(("ListSubscriptions", "ListTopics"), ask_without_resource),
}

STS: Mapping[str, Ask] = {"AssumeRole": _ask_assume_role, "GetCallerIdentity": _ask_nothing}

PRICING: Mapping[str, Ask] = dict.fromkeys(("DescribeServices", "GetProducts"), ask_without_resource)

SERVICE_QUOTAS: Mapping[str, Ask] = dict.fromkeys(
    ("GetAWSDefaultServiceQuota", "GetServiceQuota", "ListAWSDefaultServiceQuotas", "ListServiceQuotas"),
    _ask_about_quota,
)

LOGS: Mapping[str, Ask] = {
    "DescribeLogGroups": ask_without_resource,
    **dict.fromkeys(("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents"), _ask_about_log_group),
}

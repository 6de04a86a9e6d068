"""Access checks of EventBridge, SNS, SQS, STS and CloudWatch Logs."""

from collections.abc import Iterable, Iterator, Mapping

from local.aws.iam.access_checks.call import (
    AccessCheck,
    Call,
    Facts,
    ListChecks,
    build_request_tags,
    list_checks_without_resource,
)

SUBSCRIPTION_SEGMENTS = 7
"""Segments of the ARN of a subscription: that of its topic and an id."""

DEFAULT_BUS = "default"


def _list_checks_of_topic(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of a topic.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    """
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
    return (AccessCheck(f"sns:{call.operation}", ":".join(segments[: SUBSCRIPTION_SEGMENTS - 1])),)


def _list_checks_of_assume_role(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield the check of a role, and that of the tags of its session, which is a permission of its own.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required
    """
    del facts
    parameters = call.parameters
    tags = build_request_tags({tag["Key"]: tag["Value"] for tag in parameters.get("Tags", [])})
    context: dict[str, str | tuple[str, ...]] = {**tags, "sts:RoleSessionName": parameters["RoleSessionName"]}
    if keys := parameters.get("TransitiveTagKeys"):
        context["sts:TransitiveTagKeys"] = tuple(keys)
    for action in ("AssumeRole", "TagSession") if tags else ("AssumeRole",):
        yield AccessCheck(f"sts:{action}", parameters["RoleArn"], context)


def _list_checks_of_nothing(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return no check: everybody may call it."""
    del call, facts
    return ()


def _list_checks_of_log_group(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of a log group or a stream. The ARN of a group that is no stream has an empty one.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    del facts
    parameters = call.parameters
    resource = f"log-group:{parameters['logGroupName']}:log-stream:{parameters.get('logStreamName', '')}"
    return (AccessCheck(f"logs:{call.operation}", call.build_arn("logs", resource)),)


def _list_checks_of_events(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    """Yield a check of the bus of each event. An entry names a bus by its name or ARN.

    `events:eventBusInvocation` is unknown here, so a condition on it finds no key.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    del facts
    for entry in call.parameters["Entries"]:
        bus = entry.get("EventBusName", DEFAULT_BUS)
        context = {"events:source": entry["Source"], "events:detail-type": entry["DetailType"]}
        yield AccessCheck(
            f"events:{call.operation}",
            bus if bus.startswith("arn:") else call.build_arn("events", f"event-bus/{bus}"),
            context,
        )


def _list_checks_of_queue(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of a queue. Its URL ends with the account and the name.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
    """
    del facts
    *_, account, name = call.parameters["QueueUrl"].split("/")
    return (AccessCheck(f"sqs:{call.operation}", call.build_arn("sqs", name, account=account)),)


EVENTS: Mapping[str, ListChecks] = {"PutEvents": _list_checks_of_events}

SQS: Mapping[str, ListChecks] = {"SendMessage": _list_checks_of_queue}

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

STS: Mapping[str, ListChecks] = {
    "AssumeRole": _list_checks_of_assume_role,
    "GetCallerIdentity": _list_checks_of_nothing,
}

LOGS: Mapping[str, ListChecks] = {
    "DescribeLogGroups": list_checks_without_resource,
    **dict.fromkeys(
        ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents"), _list_checks_of_log_group
    ),
}

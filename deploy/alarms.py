"""Alarms of the home stack. CloudWatch mails them through SNS, so that they need none of gpudesk's functions."""

from collections.abc import Mapping
from typing import Any

from deploy.cloudformation import Resource, build_resource, get_attribute, ref, to_logical_id
from deploy.functions import FUNCTIONS, get_function_id
from deploy.names import ResourceNames
from deploy.policies.statement import build_policy_body

FIVE_MINUTES = 300

MAX_STREAM_AGE_MS = 240_000
"""Four minutes. Lambda gives up a record after five (`deploy/stream.py`)."""

FUNCTION_METRICS = {
    "Errors": "Its log has the cause.",
    "Throttles": "The account runs as many functions at once as its quota allows.",
}
"""Metrics of every function that have an alarm, and what its mail says about the cause."""


def build_alarms(names: ResourceNames) -> dict[str, Resource]:
    """Return the topic with its subscription, and the alarms, by logical id."""
    resources = {
        "AlarmTopic": build_resource("AWS::SNS::Topic", {"TopicName": names.topic("alarms")}),
        "AlarmTopicPolicy": build_resource("AWS::SNS::TopicPolicy", _build_topic_policy(names)),
        "AlarmMail": build_resource(
            "AWS::SNS::Subscription",
            {"TopicArn": ref("AlarmTopic"), "Protocol": "email", "Endpoint": names.settings.alarm_email},
        ),
        "SweepSilentAlarm": _build_alarm(
            names,
            "sweep-silent",
            "The sweep does not run: no instance is stopped, and calls that failed are not repeated.",
            ("AWS/Lambda", "Invocations", _build_function_dimension("sweep")),
            # Lambda reports no data if the function is never called, so missing data are the alarm.
            {"ComparisonOperator": "LessThanThreshold", "Threshold": 1, "TreatMissingData": "breaching"},
        ),
        "FailureQueueAlarm": _build_alarm(
            names,
            "failure-queue",
            "Events failed after all attempts. The queue has them.",
            (
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": get_attribute("FailureQueue", "QueueName")},
            ),
            {"Statistic": "Maximum"},
        ),
        "StreamAgeAlarm": _build_alarm(
            names,
            "stream-age",
            "Requests of people wait for the control loop.",
            ("AWS/Lambda", "IteratorAge", _build_function_dimension("on_instances_stream")),
            {"Statistic": "Maximum", "Threshold": MAX_STREAM_AGE_MS},
        ),
        "ServerErrorAlarm": _build_alarm(
            names,
            "api-server-errors",
            "Requests were answered with a server error.",
            ("AWS/ApiGateway", "5XXError", {"ApiName": names.prefix}),
            {},
        ),
    }
    for function in FUNCTIONS:
        for metric, advice in FUNCTION_METRICS.items():
            resources[f"{to_logical_id(function)}{metric}Alarm"] = _build_alarm(
                names,
                f"{function.replace('_', '-')}-{metric.lower()}",
                f"{metric} of the function {names.function(function)}. {advice}",
                ("AWS/Lambda", metric, _build_function_dimension(function)),
                {},
            )
    return resources


def _build_alarm(
    names: ResourceNames,
    name: str,
    description: str,
    metric: tuple[str, str, Mapping[str, Any]],
    changes: Mapping[str, Any],
) -> Resource:
    """Return an alarm. By default it notifies if the sum of five minutes is above 0.

    :param metric: namespace, name and dimensions
    :param changes: properties that differ from the default
    """
    namespace, metric_name, dimensions = metric
    return build_resource(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": f"{names.prefix}-{name}",
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": metric_name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            "Statistic": "Sum",
            "Period": FIVE_MINUTES,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("AlarmTopic")],
            **changes,
        },
    )


def _build_function_dimension(function: str) -> dict[str, Any]:
    return {"FunctionName": ref(get_function_id(function))}


def _build_topic_policy(names: ResourceNames) -> dict[str, Any]:
    """Return the policy that lets only the alarms of this stage publish.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    alarms = names.home_arn("cloudwatch", f"alarm:{names.prefix}-*")
    statement = {
        "Sid": "PublishAlarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": ref("AlarmTopic"),
        "Condition": {
            "ArnLike": {"aws:SourceArn": alarms},
            "StringEquals": {"aws:SourceAccount": names.account},
        },
    }
    return {
        "Topics": [ref("AlarmTopic")],
        "PolicyDocument": build_policy_body([statement]),
    }

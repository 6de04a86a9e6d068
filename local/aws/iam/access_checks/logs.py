"""Access checks of CloudWatch Logs: on a log group or a log stream.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

from collections.abc import Iterable, Mapping

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks, list_checks_without_resource


def _list_checks_of_log_group(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of a log stream, or of a log group, whose ARN ends with an empty stream."""
    del facts
    parameters = call.parameters
    resource = f"log-group:{parameters['logGroupName']}:log-stream:{parameters.get('logStreamName', '')}"
    return (AccessCheck(f"logs:{call.operation}", call.build_arn("logs", resource)),)


LOGS: Mapping[str, ListChecks] = {
    "DescribeLogGroups": list_checks_without_resource,
    **dict.fromkeys(
        ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents"), _list_checks_of_log_group
    ),
}

"""The access checks of each call: IAM checks every action on every resource, and all of them must be allowed.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping

from local.aws.iam.access_checks import dynamodb, ec2, events, logs, pricing, quotas, sns, sqs, ssm, sts
from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks
from local.aws.iam.errors import UnknownOperation

OPERATIONS: Mapping[str, Mapping[str, ListChecks]] = {
    "dynamodb": dynamodb.DYNAMODB,
    "dynamodbstreams": dynamodb.STREAMS,
    "ec2": ec2.EC2,
    "ec2messages": ssm.EC2_MESSAGES,
    "ec2-instance-connect": ec2.INSTANCE_CONNECT,
    "events": events.EVENTS,
    "logs": logs.LOGS,
    "pricing": pricing.PRICING,
    "service-quotas": quotas.QUOTAS,
    "sns": sns.SNS,
    "sqs": sqs.SQS,
    "ssm": ssm.SSM,
    "ssmmessages": ssm.SSM_MESSAGES,
    "sts": sts.STS,
}
"""The known operations, by service of the SDK."""


def list_access_checks(call: Call, facts: Facts) -> tuple[AccessCheck, ...]:
    """Return what IAM checks for a call.

    :raises UnknownOperation: the operation, or a parameter of it, is not known here
    """
    list_checks = OPERATIONS.get(call.service, {}).get(call.operation)
    if list_checks is None:
        raise UnknownOperation(
            f"The access checks of {call.service}:{call.operation} are unknown. Add them to "
            "local/aws/iam/access_checks."
        )
    region = {"aws:RequestedRegion": call.region}
    return tuple(
        AccessCheck(each.action, each.resource, {**region, **each.context}) for each in list_checks(call, facts)
    )

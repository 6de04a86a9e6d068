"""The questions that IAM is asked about each call. A call needs a yes to each of them.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping

from local.aws.iam.questions import dynamodb, ec2, others, ssm
from local.aws.iam.questions.call import Ask, Call, Facts, Question, UnknownOperation

OPERATIONS: Mapping[str, Mapping[str, Ask]] = {
    "dynamodb": dynamodb.DYNAMODB,
    "dynamodbstreams": dynamodb.STREAMS,
    "ec2": ec2.EC2,
    "ec2-instance-connect": ec2.INSTANCE_CONNECT,
    "logs": others.LOGS,
    "pricing": others.PRICING,
    "service-quotas": others.SERVICE_QUOTAS,
    "sns": others.SNS,
    "ssm": ssm.SSM,
    "ssmmessages": ssm.SSM_MESSAGES,
    "sts": others.STS,
}
"""The known operations, by service of the SDK."""


def list_questions(call: Call, facts: Facts) -> tuple[Question, ...]:
    """Return what IAM is asked about a call.

    :raises UnknownOperation: that is not known here
    """
    ask = OPERATIONS.get(call.service, {}).get(call.operation)
    if ask is None:
        raise UnknownOperation(
            f"Nobody knows what IAM is asked about {call.service}:{call.operation}: local/aws/iam/questions lacks it."
        )
    region = {"aws:RequestedRegion": call.region}
    return tuple(Question(each.action, each.resource, {**region, **each.context}) for each in ask(call, facts))

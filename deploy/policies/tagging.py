"""Permission to tag what a call creates, in the same call. Without `ec2:CreateAction`, any resource could be tagged."""

from deploy.names import ResourceNames
from deploy.policies.statement import Statement, merge_conditions


def build_tagging_statement(
    names: ResourceNames, sid: str, create_action: str, resources: tuple[str, ...], reason: str
) -> Statement:
    """Return the statement for CreateTags.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html

    :param create_action: the action of EC2 that creates the resources, such as RunInstances
    """
    return Statement(
        sid=sid,
        actions=("ec2:CreateTags",),
        resources=resources,
        condition=merge_conditions(
            {"StringEquals": {"ec2:CreateAction": create_action}}, names.build_tag_condition("aws:RequestTag")
        ),
        reason=reason,
    )

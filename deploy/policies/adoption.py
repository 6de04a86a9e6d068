"""Policy of the function that tags instances for adoption: the only role that may tag resources that exist already.

All other permissions on instances depend on gpudesk's tags. So this role may set them only where an admin of the
account has set `gpudesk:adopt`, which no role of gpudesk may set, and only where there is no id of gpudesk yet.
"""

from chalicelib.aws.tags import ADOPT_TAG, ID_TAG, OWNER_TAG, STAGE_TAG
from chalicelib.store.adoptions import ADOPTIONS_KEY
from chalicelib.store.desk import SETTINGS_KEY
from deploy.names import ResourceNames
from deploy.policies.desk_items import build_desk_item_statement
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument, Statement, merge_conditions

TAGGED_RESOURCES = ("instance", "network-interface", "volume")


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of tag_for_adoption."""
    allowed = {"StringEquals": {f"aws:ResourceTag/{ADOPT_TAG}": names.settings.stage}}
    read = Statement(
        sid="ReadCandidates",
        actions=("ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVolumes"),
        resources=("*",),
        reason="Check an instance before it is adopted, and find its volumes and network interfaces. EC2 cannot "
        "restrict these actions to resources.",
    )
    attributes = Statement(
        sid="ReadAttributes",
        actions=("ec2:DescribeInstanceAttribute",),
        resources=(names.arn("ec2", "instance/*"),),
        condition=allowed,
        reason="Find out whether an instance is protected against stops and terminations, and what a shutdown does.",
    )
    return PolicyDocument(
        (
            read,
            attributes,
            _build_tag_statement(names),
            build_desk_item_statement(
                names,
                "UseAdoptions",
                ("GetItem", "PutItem"),
                ADOPTIONS_KEY,
                "Read the requests and record each result.",
            ),
            build_desk_item_statement(
                names, "ReadSettings", ("GetItem",), SETTINGS_KEY, "Tag nothing while gpudesk is paused."
            ),
            build_log_statement(names, "adoption"),
        )
    )


def _build_tag_statement(names: ResourceNames) -> Statement:
    """Return the statement for CreateTags.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
    """
    stage = names.settings.stage
    return Statement(
        sid="TagForAdoption",
        actions=("ec2:CreateTags",),
        resources=tuple(names.arn("ec2", f"{kind}/*") for kind in TAGGED_RESOURCES),
        condition=merge_conditions(
            {"StringEquals": {f"aws:ResourceTag/{ADOPT_TAG}": stage, f"aws:RequestTag/{STAGE_TAG}": stage}},
            {"ForAllValues:StringEquals": {"aws:TagKeys": [ID_TAG, OWNER_TAG, STAGE_TAG]}},
            {"Null": {"aws:TagKeys": "false", f"aws:ResourceTag/{ID_TAG}": "true"}},
        ),
        reason=f"Tag an instance, its volumes and its network interfaces as gpudesk's, if an admin of the account has "
        f"set the tag {ADOPT_TAG} with the name of the stage on them, and only if they have no tag {ID_TAG} yet.",
    )

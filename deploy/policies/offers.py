"""Policy of the function that reads zones, spot prices, quotas and subnets. It reads EC2 and writes one table."""

from deploy.names import ResourceNames
from deploy.policies.catalog_item import build_catalog_statement
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument, Statement, limit_keys

REGION_KEYS = ("??-*", "????-*")
"""Match the names of all regions (us-east-1, eusc-de-east-1), and no key of a record of capacity."""


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of refresh_offers."""
    write = Statement(
        sid="WriteOffers",
        actions=("dynamodb:BatchGetItem", "dynamodb:UpdateItem"),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(*REGION_KEYS),
        reason="Write what was read of each region. Those that were read long ago come first. The records of capacity "
        "in the same table have other keys.",
    )
    read = Statement(
        sid="ReadOffers",
        actions=(
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSpotPriceHistory",
            "ec2:DescribeSubnets",
        ),
        resources=("*",),
        reason="Read zones and spot prices, and find the zones with a subnet of gpudesk. EC2 cannot restrict these "
        "actions to resources.",
    )
    count = Statement(
        sid="CountQuotas",
        actions=("ec2:DescribeInstances", "servicequotas:ListServiceQuotas"),
        resources=("*",),
        reason="Read the quotas of EC2 and count the vCPUs in use, also of instances that gpudesk does not manage. "
        "Neither action can be restricted to resources.",
    )
    return PolicyDocument((write, build_catalog_statement(names), read, count, build_log_statement(names, "offers")))

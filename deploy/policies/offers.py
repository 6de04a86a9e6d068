"""Policy of the function that reads zones, spot prices and quotas. It reads EC2 and writes one table."""

from deploy.names import ResourceNames
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument, Statement
from deploy.policies.table_access import TableAccess, build_table_statements

TABLES = {
    "offers": TableAccess(
        ("BatchGetItem", "PutItem"), "Write what was read of each region. Those that were read long ago come first."
    ),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of refresh_offers."""
    read = Statement(
        sid="ReadOffers",
        actions=("ec2:DescribeInstanceTypeOfferings", "ec2:DescribeSpotPriceHistory"),
        resources=("*",),
        reason="Read zones and spot prices. EC2 cannot restrict these actions to resources, and they show nothing of "
        "this account.",
    )
    count = Statement(
        sid="CountQuotas",
        actions=("ec2:DescribeInstances", "servicequotas:ListServiceQuotas"),
        resources=("*",),
        reason="Read the quotas of EC2 and count the vCPUs in use, also of instances that gpudesk does not manage. "
        "Neither action can be restricted to resources.",
    )
    return PolicyDocument((*build_table_statements(names, TABLES), read, count, build_log_statement(names, "offers")))

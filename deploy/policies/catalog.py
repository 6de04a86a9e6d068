"""Policy of the function that reads instance types and list prices. It reads AWS and writes one item."""

from chalicelib.store.catalog import CATALOG_KEY
from deploy.names import ResourceNames
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument, Statement, limit_keys


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of refresh_catalog."""
    write = Statement(
        sid="WriteCatalog",
        actions=("dynamodb:GetItem", "dynamodb:PutItem"),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(CATALOG_KEY),
        reason="Write what was read. Only what is a day old is read again. The items of the regions in the same table "
        "have other keys.",
    )
    read = Statement(
        sid="ReadCatalogSources",
        actions=(
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeRegions",
            "pricing:GetProducts",
        ),
        resources=("*",),
        reason="Read types, the regions that the account may use, and list prices. None of these actions can be "
        "restricted to resources, and they show nothing else of this account.",
    )
    return PolicyDocument((write, read, build_log_statement(names, "catalog")))

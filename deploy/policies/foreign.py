"""Policy of the function that lists foreign instances. It reads EC2, and writes one item and notifications."""

from chalicelib.store.desk import SETTINGS_KEY
from chalicelib.store.foreign_instances import INVENTORY_KEY
from deploy.names import ResourceNames
from deploy.policies.desk_items import build_desk_item_statement
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument, Statement


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of list_foreign_instances."""
    read = Statement(
        sid="ReadAccount",
        actions=(
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeInstances",
            "ec2:DescribeRegions",
            "ec2:DescribeVolumes",
        ),
        resources=("*",),
        reason="List the GPU instances of all enabled regions with the sizes of their disks. EC2 cannot restrict these "
        "actions to resources.",
    )
    notify = Statement(
        sid="NotifyAdmins",
        actions=("dynamodb:PutItem",),
        resources=(names.table_arn("notifications"),),
        reason="Notify the admins of new instances.",
    )
    return PolicyDocument(
        (
            read,
            build_desk_item_statement(
                names, "UseList", ("GetItem", "PutItem"), INVENTORY_KEY, "Compare with the last list and replace it."
            ),
            build_desk_item_statement(
                names, "ReadSettings", ("GetItem",), SETTINGS_KEY, "Read the channels of the admins."
            ),
            notify,
            build_log_statement(names, "foreign"),
        )
    )

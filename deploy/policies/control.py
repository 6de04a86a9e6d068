"""Policy of the control loop: the sweep, its watchdog, and the functions for the stream and for events.

They share one role, because each of them reconciles instances, and a reconcile may make any of the calls.
"""

from chalicelib.store.offers import CAPACITY_PREFIX
from chalicelib.store.quota_requests import QUOTA_REQUEST_PREFIX
from deploy.names import ResourceNames
from deploy.policies.catalog_item import build_catalog_statement
from deploy.policies.commands import build_command_statements
from deploy.policies.images import build_image_statements
from deploy.policies.launches import build_launch_statements
from deploy.policies.logs import build_log_statement
from deploy.policies.notifications import build_delivery_statements
from deploy.policies.offers import REGION_KEYS
from deploy.policies.statement import PolicyDocument, Statement, limit_keys, merge_conditions
from deploy.policies.table_access import TableAccess, build_table_statements
from deploy.tables import STREAM_TABLE

TABLES = {
    "instances": TableAccess(
        ("GetItem", "PutItem"),
        "Reconcile instances, and adopt orphans.",
        indexes=("active", "by-ec2-instance"),
        index_reason="Find the active instances, and the instance of an event.",
    ),
    "timeline": TableAccess(("PutItem",), "Write the timeline with each change."),
    "heartbeats": TableAccess(
        ("BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        "Create the items of instances, read their heartbeats and write the responses.",
    ),
    "notifications": TableAccess(
        ("PutItem",),
        "Write notifications with the change that they report, and record deliveries.",
        indexes=("due",),
        index_reason="Find overdue notifications, and all due ones if the sweep is overdue.",
    ),
    "images": TableAccess(
        ("GetItem", "PutItem"),
        "Create and delete images.",
        indexes=("pending",),
        index_reason="Find the images that are being created or deleted.",
    ),
    "owners": TableAccess(("Scan",), "Read the channels of all owners; a team has few owners."),
    "offers": TableAccess(
        ("BatchGetItem",), "Choose the next offer of a launch by prices and by what EC2 has answered."
    ),
    "ledger": TableAccess(("PutItem",), "Write what is billed."),
    "benchmarks": TableAccess(("PutItem",), "Write the results of benchmarks."),
    "desk": TableAccess(
        ("DeleteItem", "GetItem", "PutItem", "UpdateItem"),
        "Settings, names and counts, the leases of the sweep and of the deliveries, durations of documents.",
    ),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the control role."""
    statements = (
        *build_table_statements(names, TABLES),
        _build_capacity_statement(names),
        _build_offer_statement(names),
        _build_quota_statement(names),
        build_catalog_statement(names),
        *build_stream_statements(names),
        _build_observation_statement(),
        *build_launch_statements(names),
        _build_state_statement(names),
        _build_type_statement(names),
        *build_image_statements(names),
        *build_command_statements(names),
        *build_delivery_statements(names),
        build_log_statement(names, "control"),
    )
    return PolicyDocument(statements)


def _build_capacity_statement(names: ResourceNames) -> Statement:
    return Statement(
        sid="UseCapacityRecords",
        actions=("dynamodb:GetItem", "dynamodb:PutItem"),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(f"{CAPACITY_PREFIX}*"),
        reason="Remember what EC2 has answered to launches and starts. Say before a stop how likely a start is. The "
        "zones and prices in the same table have other keys.",
    )


def _build_offer_statement(names: ResourceNames) -> Statement:
    return Statement(
        sid="ReadOffers",
        actions=("dynamodb:BatchGetItem",),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(*REGION_KEYS, f"{CAPACITY_PREFIX}*"),
        reason="Find other sizes that may start in the zone of an instance that AWS has no capacity for.",
    )


def _build_quota_statement(names: ResourceNames) -> Statement:
    return Statement(
        sid="ReadQuotas",
        actions=("dynamodb:BatchGetItem",),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(*REGION_KEYS, f"{QUOTA_REQUEST_PREFIX}*"),
        reason="Read the quotas of a region in which a launch waits for one, and the requests to increase them.",
    )


def build_stream_statements(names: ResourceNames) -> tuple[Statement, ...]:
    """Return the statements that Lambda itself uses: to read the stream and to report what failed.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
    """
    return (
        Statement(
            sid="ReadStream",
            actions=("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
            resources=(f"{names.table_arn(STREAM_TABLE)}/stream/*",),
            reason="Lambda reads the stream of the instances table with this role.",
        ),
        Statement(
            sid="ListStreams",
            actions=("dynamodb:ListStreams",),
            resources=("*",),
            reason="Lambda finds the stream with this role. DynamoDB cannot restrict this action to resources.",
        ),
        Statement(
            sid="ReportFailures",
            actions=("sqs:SendMessage",),
            resources=(names.queue_arn("failures"),),
            reason="Lambda reports events that failed after all attempts with this role.",
        ),
    )


def _build_observation_statement() -> Statement:
    return Statement(
        sid="Observe",
        actions=(
            "ec2:DescribeImages",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeInstances",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSnapshots",
            "ec2:DescribeSpotInstanceRequests",
            "ec2:DescribeSubnets",
            "ec2:DescribeVolumes",
            "ssm:DescribeInstanceInformation",
            "ssm:GetCommandInvocation",
            "ssm:ListCommandInvocations",
        ),
        resources=("*",),
        reason="Observe instances, spot requests, images and commands, and find subnets. EC2 and SSM cannot restrict "
        "these actions to "
        "resources; the code selects by the tag of the stage.",
    )


def _build_state_statement(names: ResourceNames) -> Statement:
    return Statement(
        sid="StartStopTerminate",
        actions=("ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances"),
        resources=(names.arn("ec2", "instance/*"),),
        condition=names.build_tag_condition(),
        reason="Start, stop and terminate instances of this stage, in any region, because a region with instances can "
        "be removed from the settings.",
    )


def _build_type_statement(names: ResourceNames) -> Statement:
    """Return the statement for the type alone. Other attributes, as the user data, could run code as root.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
    """
    return Statement(
        sid="ChangeTypes",
        actions=("ec2:ModifyInstanceAttribute",),
        resources=(names.arn("ec2", "instance/*"),),
        condition=merge_conditions(names.build_tag_condition(), {"StringEquals": {"ec2:Attribute": "InstanceType"}}),
        reason="Change the type of stopped instances of this stage, as their owners request, and no other attribute.",
    )

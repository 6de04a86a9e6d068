"""Policy of the function that requests increases of quotas. It reads EC2 and Service Quotas, and files requests."""

from chalicelib.domain.catalog.quotas import NAMES
from chalicelib.store.desk import SETTINGS_KEY
from chalicelib.store.quota_requests import QUOTA_REQUEST_PREFIX
from deploy.names import ResourceNames
from deploy.policies.desk_items import build_desk_item_statement
from deploy.policies.logs import build_log_statement
from deploy.policies.offers import REGION_KEYS
from deploy.policies.statement import PolicyDocument, Statement, limit_keys
from deploy.policies.table_access import TableAccess, build_table_statements

SERVICE_PRINCIPAL = "servicequotas.amazonaws.com"
SERVICE_LINKED_ROLE = f"role/aws-service-role/{SERVICE_PRINCIPAL}/AWSServiceRoleForServiceQuotas"

TABLES = {
    "notifications": TableAccess(("PutItem",), "Notify admins with the change of a request."),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of follow_quota_requests."""
    update = Statement(
        sid="UpdateQuotas",
        actions=("dynamodb:UpdateItem",),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(*REGION_KEYS),
        reason="Write the quotas of a region after AWS has decided, so that waiting launches need not wait for the "
        "hourly refresh.",
    )
    return PolicyDocument(
        (
            *build_table_statements(names, TABLES),
            build_desk_item_statement(
                names, "ReadSettings", ("GetItem",), SETTINGS_KEY, "Read the channels of the admins."
            ),
            build_request_statement(names),
            update,
            *_build_quota_statements(names),
            build_log_statement(names, "quotas"),
        )
    )


def build_request_statement(names: ResourceNames) -> Statement:
    """Return the statement to read and write the stored requests. The API's role has it, too."""
    return Statement(
        sid="UseQuotaRequests",
        actions=("dynamodb:BatchGetItem", "dynamodb:PutItem"),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(f"{QUOTA_REQUEST_PREFIX}*"),
        reason="Read and write requests to increase quotas. The other items of the table have other keys.",
    )


def _build_quota_statements(names: ResourceNames) -> tuple[Statement, ...]:
    return (
        Statement(
            sid="RequestQuotas",
            actions=("servicequotas:RequestServiceQuotaIncrease",),
            resources=tuple(names.arn("servicequotas", f"ec2/{code}") for code in NAMES),
            reason="Request an increase of the vCPU quotas of EC2 that gpudesk knows, and of no other quota.",
        ),
        Statement(
            sid="CreateQuotasRole",
            actions=("iam:CreateServiceLinkedRole",),
            resources=(names.arn("iam", SERVICE_LINKED_ROLE, region=""),),
            condition={"StringEquals": {"iam:AWSServiceName": SERVICE_PRINCIPAL}},
            reason="Service Quotas creates its service-linked role at the first request of an account, with the "
            "permission of the caller.",
        ),
        Statement(
            sid="ReadQuotas",
            actions=(
                "ec2:DescribeInstances",
                "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota",
                "servicequotas:ListServiceQuotas",
            ),
            resources=("*",),
            reason="Follow requests, read the quotas of EC2 and count the vCPUs in use. None of these actions can be "
            "restricted to resources.",
        ),
    )

"""Policy of the API: the tables, and the key of the webhooks' secrets. The API calls nothing else."""

from deploy.names import ResourceNames
from deploy.policies.logs import build_log_statement
from deploy.policies.quotas import build_request_statement
from deploy.policies.statement import PolicyDocument
from deploy.policies.table_access import TableAccess, build_table_statements
from deploy.policies.webhook_key import build_webhook_key_statement

TABLES = {
    "tokens": TableAccess(("GetItem",), "Authenticate the caller."),
    "instances": TableAccess(
        ("GetItem", "PutItem"),
        "Read, launch and change instances.",
        indexes=("active", "by-creation", "by-owner"),
        index_reason="List instances. Find the active ones for the costs, and before an image is deleted.",
    ),
    "timeline": TableAccess(("PutItem", "Query"), "Write the timeline with each change, and show it."),
    "heartbeats": TableAccess(("BatchGetItem", "GetItem"), "Show the activity of instances."),
    "notifications": TableAccess(
        ("PutItem",),
        "Write notifications with the change that they report.",
        indexes=("by-instance",),
        index_reason="Show the notifications of an instance.",
    ),
    "images": TableAccess(
        ("GetItem", "PutItem"),
        "Request, show and delete images.",
        indexes=("by-creation", "by-owner"),
        index_reason="List images.",
    ),
    "owners": TableAccess(
        ("GetItem", "PutItem", "Scan"),
        "Show and change the settings of owners. The scan reads the channels of all owners; a team has few owners.",
    ),
    "ledger": TableAccess(("Query",), "Sum up costs."),
    "benchmarks": TableAccess(("Query",), "Compare benchmarks."),
    "offers": TableAccess(
        ("BatchGetItem", "GetItem"),
        "Search offers, list regions and quotas. Say how likely a start is after a requested stop. Use the types and "
        "prices of the last refresh.",
    ),
    "desk": TableAccess(
        ("BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        "Settings; names, counts, budget guards and idempotency records of launches; durations of setups.",
    ),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the API's role."""
    return PolicyDocument(
        (
            *build_table_statements(names, TABLES),
            build_request_statement(names),
            build_webhook_key_statement(names),
            build_log_statement(names, "api"),
        )
    )

"""Policy of the API: the tables, and the key of the webhooks' secrets. It calls no other service."""

from deploy.names import ResourceNames
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument, Statement
from deploy.policies.table_access import TableAccess, build_table_statements

TABLES = {
    "tokens": TableAccess(("GetItem",), "Authenticate the caller."),
    "instances": TableAccess(
        ("GetItem", "PutItem"),
        "Read, launch and change instances.",
        indexes=("active", "by-creation", "by-owner"),
    ),
    "timeline": TableAccess(("PutItem", "Query"), "Write the timeline with each change, and show it."),
    "heartbeats": TableAccess(("BatchGetItem", "GetItem"), "Show the activity of instances."),
    "notifications": TableAccess(
        ("PutItem",), "Write notifications with the change that they report, and show them.", indexes=("by-instance",)
    ),
    "images": TableAccess(
        ("GetItem", "PutItem"), "Request, show and delete images.", indexes=("by-creation", "by-owner")
    ),
    "owners": TableAccess(
        ("GetItem", "PutItem", "Scan"),
        "Show and change the settings of owners. The scan finds whom a change notifies; the table holds a team.",
    ),
    "ledger": TableAccess(("Query",), "Sum up costs."),
    "benchmarks": TableAccess(("Query",), "Compare benchmarks."),
    "offers": TableAccess(("BatchGetItem",), "Search offers and list regions."),
    "desk": TableAccess(
        ("BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
        "Settings; names, counts and idempotency records of launches; durations for the progress of a setup.",
    ),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the API's role."""
    return PolicyDocument((*build_table_statements(names, TABLES), *_build_statements(names)))


def build_webhook_key_statement(names: ResourceNames) -> Statement:
    """Return the statement for the key from which the secrets of webhooks are derived."""
    return Statement(
        sid="ReadWebhookKey",
        actions=("ssm:GetParameter",),
        resources=(names.home_arn("ssm", f"parameter{names.webhook_key}"),),
        reason="Derive the secret of a webhook. The key of AWS that encrypts the parameter needs no permission.",
    )


def _build_statements(names: ResourceNames) -> tuple[Statement, ...]:
    return build_webhook_key_statement(names), build_log_statement(names, ("api",))

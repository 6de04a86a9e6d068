"""Policy of the function that notifies people of the use of budgets. It reads tables, and writes notifications."""

from deploy.names import ResourceNames
from deploy.policies.logs import build_log_statement
from deploy.policies.statement import PolicyDocument
from deploy.policies.table_access import TableAccess, build_table_statements

TABLES = {
    "instances": TableAccess((), "", indexes=("active",), index_reason="Sum up what runs now."),
    "images": TableAccess((), "", indexes=("by-creation",), index_reason="Sum up what images cost."),
    "ledger": TableAccess(("Query",), "Sum up what was billed."),
    "notifications": TableAccess(("PutItem",), "Write the notifications."),
    "owners": TableAccess(("Scan",), "Read the budgets and the channels of all owners; a team has few owners."),
    "desk": TableAccess(("GetItem",), "Read budgets of projects, and channels of the admins."),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of check_budgets."""
    return PolicyDocument((*build_table_statements(names, TABLES), build_log_statement(names, "budgets")))

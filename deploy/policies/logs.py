"""Access of functions to their own log groups."""

from deploy.functions import list_functions
from deploy.names import ResourceNames
from deploy.policies.statement import Statement


def build_log_statement(names: ResourceNames, role: str) -> Statement:
    """Return the statement for the log groups of the functions with a role. The stack creates the groups."""
    groups = (names.function_log_group(function) for function in list_functions(role))
    return Statement(
        sid="WriteLogs",
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        resources=tuple(names.home_arn("logs", f"log-group:{group}:log-stream:*") for group in groups),
        reason="Lambda writes the log of each function to the group of the function.",
    )

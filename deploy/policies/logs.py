"""Access of functions to their own log groups."""

from collections.abc import Iterable

from deploy.names import ResourceNames
from deploy.policies.statement import Statement


def build_log_statement(names: ResourceNames, functions: Iterable[str]) -> Statement:
    """Return the statement for the log groups of functions. The groups exist: the stack creates them."""
    groups = (names.function_log_group(function) for function in functions)
    return Statement(
        sid="WriteLogs",
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        resources=tuple(names.home_arn("logs", f"log-group:{group}:log-stream:*") for group in groups),
        reason="Lambda writes the log of each function to a group of its own.",
    )

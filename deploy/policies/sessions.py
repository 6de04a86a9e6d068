"""Policy of the function that opens sessions. It runs the same code as the API, behind the routes that call AWS."""

from deploy.names import ResourceNames
from deploy.policies.logs import build_log_statement
from deploy.policies.session import FOR_ONE_INSTANCE
from deploy.policies.ssh_keys import build_ssh_key_statement
from deploy.policies.statement import PolicyDocument, Statement
from deploy.policies.table_access import TableAccess, build_table_statements

TABLES = {
    "tokens": TableAccess(("GetItem",), "Authenticate the caller."),
    "instances": TableAccess(("GetItem", "PutItem"), "Find the instance, and record the session in its record."),
    "timeline": TableAccess(("PutItem",), "Record who opened a session."),
    "images": TableAccess((), "Refuse sessions while the secrets of the instance are removed.", indexes=("pending",)),
    "desk": TableAccess(("GetItem",), "Find an instance by its name."),
}


def build_policy(names: ResourceNames) -> PolicyDocument:
    """Return the policy of the role of the sessions function."""
    return PolicyDocument(
        (
            *build_table_statements(names, TABLES),
            Statement(
                sid="ObserveInstances",
                actions=("ec2:DescribeInstances",),
                resources=("*",),
                reason="Check that the instance runs and has its tags. EC2 cannot restrict this action to resources.",
            ),
            Statement(
                sid="ObserveSessions",
                actions=("ssm:DescribeSessions",),
                resources=("*",),
                reason="Check that a session is active before its credentials are renewed. SSM cannot restrict this "
                "action to resources.",
            ),
            Statement(
                sid="AssumeSessionRole",
                actions=("sts:AssumeRole", "sts:TagSession"),
                resources=(names.role_arn("session"),),
                condition=FOR_ONE_INSTANCE,
                reason="Open a session with the session role, tagged with the id of the instance of the session.",
            ),
            build_ssh_key_statement(names),
            build_log_statement(names, "sessions"),
        )
    )

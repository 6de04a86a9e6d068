"""Permissions of the policies that no test uses, except those that are listed here with a reason."""

from collections.abc import Collection, Mapping

from deploy.policies import POLICIES
from local.aws.iam.policies import parse_policy
from local.aws.iam.usage import Permission, list_permissions
from local.settings import build_local_names

BY_LAMBDA = "Lambda's service uses it with the function's role; the local cloud delivers logs and events itself."
BY_EVENTBRIDGE = "EventBridge uses it; the local cloud delivers events itself."
BY_AGENT = "The SSM agent uses it; the agent of the local cloud makes no calls."
UNKNOWN_CHECK = "It is not known whether EC2 checks the snapshots of an AMI. AWS calls the resource optional."
FOR_PEOPLE = "Whether AWS compares aws:userid or the name of the role session with the id of a session is not known."

EXCEPTED_STATEMENTS: Mapping[tuple[str, str], str] = {
    ("api", "WriteLogs"): BY_LAMBDA,
    ("sessions", "WriteLogs"): BY_LAMBDA,
    ("control", "WriteLogs"): BY_LAMBDA,
    ("control", "ListStreams"): BY_LAMBDA,
    ("control", "ReadStream"): BY_LAMBDA,
    ("control", "ReportFailures"): BY_LAMBDA,
    ("notifications", "WriteLogs"): BY_LAMBDA,
    ("instance", "ConnectAgent"): BY_AGENT,
    ("instance", "FindOutputGroup"): BY_AGENT,
    ("instance", "FindOutputStream"): BY_AGENT,
    ("instance", "WriteOutput"): BY_AGENT,
    ("forward", "PutEvents"): BY_EVENTBRIDGE,
    ("people", "OpenOwnDataChannels"): FOR_PEOPLE,
}
"""Statements by the key of the role and their Sid."""

EXCEPTED_KINDS: Mapping[tuple[str, str, str], str] = {
    ("control", "LaunchPublicImages", "ec2:snapshot"): UNKNOWN_CHECK,
    ("control", "LaunchStageImages", "ec2:snapshot"): UNKNOWN_CHECK,
}
"""Kinds of resources that no test uses, of statements that tests use."""


def list_unused(used: Collection[tuple[str, str, str, str]]) -> list[str]:
    """Return the permissions that are neither used nor excepted, and the exceptions that a test uses.

    :param used: role, statement, action and kind of resource
    """
    names = build_local_names()
    lines = []
    for key, build in POLICIES.items():
        policy = parse_policy(build(names).to_policy())
        for permission in sorted(list_permissions(names.role(key), policy)):
            is_excepted = _is_excepted(key, permission)
            is_used = (permission.role, permission.sid, permission.action, permission.kind) in used
            if not (is_used or is_excepted):
                lines.append(f"{key} {permission.sid}: {permission.action} on {permission.kind}")
            elif is_used and is_excepted:
                lines.append(f"{key} {permission.sid}: {permission.action} is excepted as unused, but a test uses it")
    return lines


def _is_excepted(key: str, permission: Permission) -> bool:
    return (key, permission.sid) in EXCEPTED_STATEMENTS or (key, permission.sid, permission.kind) in EXCEPTED_KINDS

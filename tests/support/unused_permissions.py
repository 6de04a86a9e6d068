"""Permissions of the policies that no test uses, except those that are listed here with a reason."""

from collections.abc import Collection, Mapping

from deploy.policies import POLICIES
from local.aws.iam.policies import parse_policy
from local.aws.iam.usage import Permission, list_permissions
from local.settings import build_local_names

FOR_PEOPLE = "Whether AWS compares aws:userid or the name of the role session with the id of a session is not known."

EXCEPTED_STATEMENTS: Mapping[tuple[str, str], str] = {
    ("people", "OpenOwnDataChannels"): FOR_PEOPLE,
}
"""Statements by the key of the role and their Sid."""


EVERY_KIND = "*"


def list_unused(used: Collection[tuple[str, str, str, str]]) -> list[str]:
    """Return the permissions that are neither used nor excepted, and the exceptions that a test uses.

    :param used: role, statement, action and kind of resource
    """
    names = build_local_names()
    forward = names.role("forward")
    # A statement for all resources is used by a call on any of them.
    used = {
        (_remove_region(forward, role), sid, action, each)
        for role, sid, action, kind in used
        for each in (kind, EVERY_KIND)
    }
    lines = []
    for key, build in POLICIES.items():
        policy = parse_policy(build(names).to_policy())
        for permission in sorted(list_permissions(names.role(key), policy)):
            is_excepted = _is_excepted(key, permission)
            is_used = (permission.role, permission.sid, permission.action, permission.kind) in used
            if not (is_used or is_excepted):
                lines.append(f"{key} {permission.sid}: {permission.action} on {permission.kind}")
            elif is_used and is_excepted:
                lines.append(f"{key} {permission.sid}: {permission.action} is named as unused, but a test uses it")
    return lines


def _remove_region(forward: str, role: str) -> str:
    """Return a name of the policies: each region has a role of its own that forwards events."""
    return forward if role.startswith(f"{forward}-") else role


def _is_excepted(key: str, permission: Permission) -> bool:
    return (key, permission.sid) in EXCEPTED_STATEMENTS

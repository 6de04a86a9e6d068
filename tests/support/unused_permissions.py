"""Permissions of the policies that no test uses."""

from collections.abc import Collection

from deploy.policies import POLICIES
from local.aws.iam.policies import parse_policy
from local.aws.iam.usage import list_permissions
from local.settings import build_local_names

EVERY_KIND = "*"


def list_unused(used: Collection[tuple[str, str, str, str]]) -> list[str]:
    """Return the permissions that are not used.

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
    return [
        f"{key} {permission.sid}: {permission.action} on {permission.kind}"
        for key, build in POLICIES.items()
        for permission in sorted(list_permissions(names.role(key), parse_policy(build(names).to_policy())))
        if (permission.role, permission.sid, permission.action, permission.kind) not in used
    ]


def _remove_region(forward: str, role: str) -> str:
    """Return the name that the role has in the policies. Each region has its own role for forwarding events."""
    return forward if role.startswith(f"{forward}-") else role

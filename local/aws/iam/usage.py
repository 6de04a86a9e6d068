"""Permissions that the calls of this process have used. The tests list those that no call uses."""

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from local.aws.iam.elements import to_list
from local.aws.iam.patterns import ARN_SEGMENTS
from local.aws.iam.policies import ALLOW, Policy, Statement


@dataclass(frozen=True, order=True)
class Permission:
    """An action that a statement allows on a kind of resource.

    :param role: name of the role
    :param kind: such as `ec2:instance` or `dynamodb:table/index`; `*` for every resource
    """

    role: str
    sid: str
    action: str
    kind: str


_used: Counter[Permission] = Counter()


def record_use(role: str, statements: Iterable[Statement], action: str, resource: str) -> None:
    """Record that statements of a role have allowed an action."""
    for statement in statements:
        _used[Permission(role, statement.sid, action, find_kind(resource))] += 1


def list_used() -> Counter[Permission]:
    """Return how often each permission has been used in this process."""
    return Counter(_used)


def list_permissions(role: str, policy: Policy) -> set[Permission]:
    """Return the permissions that a policy grants, one for each statement, action and kind of resource."""
    return {
        Permission(role, statement.sid, action, find_kind(resource))
        for statement in policy.statements
        if statement.effect == ALLOW
        for action in to_list(statement.source["Action"])
        for resource in to_list(statement.source["Resource"])
    }


@functools.lru_cache(maxsize=4096)
def find_kind(resource: str) -> str:
    """Return the kind of a resource in an ARN or in the pattern of one."""
    # The ARN of a log group that is no stream has an empty one.
    segments = resource.removesuffix(":log-stream:").split(":", ARN_SEGMENTS - 1)
    if len(segments) < ARN_SEGMENTS:
        return resource
    service, path = segments[2], segments[5].replace(":log-stream:", "/log-stream/").replace(":", "/").split("/")
    if service == "sns":
        return "sns:topic"
    if service == "sqs":
        return "sqs:queue"
    deeper = [part for part in path[2:] if part in ("index", "stream", "log-stream")]
    return f"{service}:{'/'.join([path[0], *deeper])}"

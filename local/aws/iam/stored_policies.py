"""Policies of an identity as texts, as IAM stores them, because states of the local cloud contain them."""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.aws.iam.evaluator import Policies
from local.aws.iam.policies import Policy, parse_policy_text

Named = tuple[str, str]
"""The name and the text of a policy."""


@dataclass(frozen=True)
class StoredPolicies:
    """The policies of a role and of one of its sessions.

    :param boundary: the permissions boundary; None: there is none
    :param session: the session policy; None: there is none
    """

    identity: tuple[Named, ...] = ()
    boundary: tuple[Named, ...] | None = None
    session: tuple[Named, ...] | None = None


@functools.lru_cache(maxsize=256)
def parse_policies(stored: StoredPolicies) -> Policies:
    """Return the parsed policies.

    :raises UnknownPolicyElement: one contains something that the evaluation does not know
    """
    return Policies(
        identity=_parse(stored.identity),
        boundary=None if stored.boundary is None else _parse(stored.boundary),
        session=None if stored.session is None else _parse(stored.session),
    )


def read_role_policies(backend: Any, role: Any, session_policy: str | None = None) -> StoredPolicies:
    """Return the inline policies, the managed policies and the boundary of a role of moto's.

    :param backend: moto's IAM
    """
    attached = [backend.managed_policies[arn] for arn in role.managed_policies]
    boundary = role.permissions_boundary_arn and backend.managed_policies[role.permissions_boundary_arn]
    return StoredPolicies(
        identity=(
            *((name, to_text(document)) for name, document in role.policies.items()),
            *map(_name_managed, attached),
        ),
        boundary=(_name_managed(boundary),) if boundary else None,
        session=(("session policy", session_policy),) if session_policy else None,
    )


def to_text(document: Any) -> str:
    """Return a policy as text: CloudFormation hands moto dictionaries."""
    return document if isinstance(document, str) else json.dumps(document)


def _name_managed(policy: Any) -> Named:
    return policy.name, policy.document


def _parse(policies: Iterable[Named]) -> tuple[Policy, ...]:
    return tuple(parse_policy_text(text, name) for name, text in policies)

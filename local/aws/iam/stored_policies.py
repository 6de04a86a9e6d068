"""Policies of an identity as texts. Saved states of the local cloud contain them in this form."""

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local.aws.iam.evaluator import Policies
from local.aws.iam.policies import Policy, parse_policy_text

NamedPolicy = tuple[str, str]
"""The name and the text of a policy."""


@dataclass(frozen=True)
class StoredPolicies:
    """The policies of a role and of one of its sessions.

    :param boundary: the permissions boundary; None: there is none
    :param session: the session policy; None: there is none
    """

    identity: tuple[NamedPolicy, ...] = ()
    boundary: tuple[NamedPolicy, ...] | None = None
    session: tuple[NamedPolicy, ...] | None = None


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
    """Return the inline policies, the managed policies and the boundary of a role in moto.

    :param backend: moto's IAM
    """
    attached = [backend.managed_policies[arn] for arn in role.managed_policies]
    boundary = role.permissions_boundary_arn and backend.managed_policies[role.permissions_boundary_arn]
    return StoredPolicies(
        identity=(
            *((name, to_text(document)) for name, document in role.policies.items()),
            *map(_build_named_policy, attached),
        ),
        boundary=(_build_named_policy(boundary),) if boundary else None,
        session=(("session policy", session_policy),) if session_policy else None,
    )


def to_text(document: Any) -> str:
    """Return a policy as text. A policy from a template is a dictionary in moto."""
    return document if isinstance(document, str) else json.dumps(document)


def _build_named_policy(policy: Any) -> NamedPolicy:
    return policy.name, to_text(next(version.document for version in policy.versions if version.is_default))


def _parse(policies: Iterable[NamedPolicy]) -> tuple[Policy, ...]:
    return tuple(parse_policy_text(text, name) for name, text in policies)

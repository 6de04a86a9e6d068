"""Divide a policy that is too long for IAM.

Whitespace does not count: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

import json
from collections.abc import Iterator

from deploy.policies.statement import PolicyDocument, Statement

MAX_INLINE_LENGTH = 10_240
"""Characters of all inline policies of a role together."""

MAX_MANAGED_LENGTH = 6_144
"""Characters of one managed policy. A role can have 10 of them."""


def measure_policy(policy: PolicyDocument) -> int:
    """Return the length of a policy. Pseudo parameters are longer than their values, so it is rather too large."""
    return len(json.dumps(policy.to_policy(), separators=(",", ":")))


def divide_policy(policy: PolicyDocument) -> list[PolicyDocument]:
    """Return a policy as an inline policy and, for what does not fit into it, managed policies."""
    return list(_divide(policy))


def _divide(policy: PolicyDocument) -> Iterator[PolicyDocument]:
    limit, part = MAX_INLINE_LENGTH, PolicyDocument(())
    for statement in policy.statements:
        longer = _add(part, statement)
        if measure_policy(longer) > limit:
            yield part
            limit, longer = MAX_MANAGED_LENGTH, PolicyDocument((statement,))
        part = longer
    yield part


def _add(policy: PolicyDocument, statement: Statement) -> PolicyDocument:
    return PolicyDocument((*policy.statements, statement))

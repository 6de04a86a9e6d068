"""Limits of IAM: a policy that is too long is divided, and one that no division makes short enough is refused.

White space does not count: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

import json
from collections.abc import Iterator

from deploy.policies.statement import PolicyDocument, Statement
from deploy.setting_checks import InvalidDeploymentSetting

MAX_INLINE_LENGTH = 10_240
"""Characters of all inline policies of a role together."""

MAX_MANAGED_LENGTH = 6_144
"""Characters of one managed policy."""

MAX_ATTACHED_POLICIES = 10
"""Managed policies of one role, those of the admin included, unless AWS has raised the quota of the account."""


def measure_policy(policy: PolicyDocument) -> int:
    """Return the length of a policy. It is an upper bound, because pseudo parameters are longer than their values."""
    return len(json.dumps(policy.to_policy(), separators=(",", ":")))


def divide_policy(policy: PolicyDocument) -> list[PolicyDocument]:
    """Divide a policy into an inline policy and managed policies for what does not fit into it.

    :raises InvalidDeploymentSetting: one statement does not fit into a policy; the message names its setting
    """
    return list(_divide(policy))


def check_managed_policy(policy: PolicyDocument) -> PolicyDocument:
    """Return a policy that fits into one managed policy.

    :raises InvalidDeploymentSetting: it is too long; the message names the setting of its longest statement
    """
    length = measure_policy(policy)
    if length > MAX_MANAGED_LENGTH:
        longest = max(policy.statements, key=lambda statement: measure_policy(PolicyDocument((statement,))))
        raise InvalidDeploymentSetting(
            f"{longest.setting} has too many entries: the policy with the statement {longest.sid} has {length} "
            f"characters, and IAM accepts {MAX_MANAGED_LENGTH}. Remove some entries."
        )
    return policy


def check_attached_policies(role: str, own: int, listed: int) -> None:
    """Check that a role does not have more managed policies than IAM accepts.

    :param own: count of those that gpudesk needs for what does not fit into the inline policy
    :param listed: count of those that the settings list
    :raises InvalidDeploymentSetting: they are too many
    """
    if own + listed > MAX_ATTACHED_POLICIES:
        setting = "instance_policies" if listed else "regions"
        raise InvalidDeploymentSetting(
            f"{setting} has too many entries: the role {role} would have {own + listed} managed policies ({listed} "
            f"listed, {own} of gpudesk), and IAM accepts {MAX_ATTACHED_POLICIES}. Remove some entries."
        )


def _divide(policy: PolicyDocument) -> Iterator[PolicyDocument]:
    limit, part = MAX_INLINE_LENGTH, PolicyDocument(())
    for statement in policy.statements:
        longer = _add(part, statement)
        if measure_policy(longer) > limit:
            yield part
            limit, longer = MAX_MANAGED_LENGTH, check_managed_policy(PolicyDocument((statement,)))
        part = longer
    yield part


def _add(policy: PolicyDocument, statement: Statement) -> PolicyDocument:
    return PolicyDocument((*policy.statements, statement))

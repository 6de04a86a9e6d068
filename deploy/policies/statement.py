"""Statements of IAM policies as data: what a role may do, and why. docs/permissions.md shows them, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Condition = Mapping[str, Mapping[str, str | Sequence[str]]]
"""Operators, each with its keys and their accepted values."""


class DuplicateCondition(ValueError):
    """Two conditions that must both hold have the same operator and key."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Permission for actions on resources.

    :param sid: unique in its policy
    :param reason: why the role needs it, for docs/permissions.md; for resource `*` also why it is not restricted
    :param setting: the setting to shorten if the statement does not fit into a policy
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: str
    condition: Condition = field(default_factory=dict)
    setting: str = "regions"

    def to_policy(self) -> dict[str, Any]:
        """Return the statement as IAM reads it."""
        body: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.condition:
            body["Condition"] = {operator: dict(keys) for operator, keys in self.condition.items()}
        return body


@dataclass(frozen=True)
class PolicyDocument:
    """The policy of a role."""

    statements: tuple[Statement, ...]

    def to_policy(self) -> dict[str, Any]:
        """Return the policy as IAM reads it."""
        return build_policy_body(statement.to_policy() for statement in self.statements)


def merge_conditions(*conditions: Condition) -> Condition:
    """Return a condition that holds if all of the conditions hold.

    :raises DuplicateCondition: one operator has the same key in two of them, so that one would replace the other
    """
    merged: dict[str, dict[str, str | Sequence[str]]] = {}
    for condition in conditions:
        for operator, keys in condition.items():
            known = merged.setdefault(operator, {})
            if twice := sorted(known.keys() & keys.keys()):
                raise DuplicateCondition(f"{operator} has {', '.join(twice)} in two conditions. Name each key once.")
            known.update(keys)
    return merged


def limit_keys(*patterns: str) -> Condition:
    """Return the condition that every item of a call to DynamoDB has a key of one of these patterns.

    `ForAllValues` also holds for a call without a key, so `Null` requires one.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html

    :param patterns: keys, in which `*` and `?` are wildcards
    """
    return {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(patterns)},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def build_policy_body(statements: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a policy of statements as IAM reads it."""
    return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in statements]}

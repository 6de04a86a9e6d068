"""Policies parsed into statements. Parsing refuses every element that the evaluation does not know.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from local.aws.iam.conditions import AnyCondition, parse_conditions
from local.aws.iam.elements import to_list
from local.aws.iam.errors import AmbiguousCondition, UnknownPolicyElement
from local.aws.iam.patterns import ArnPattern, Context, Pattern, parse_arn_pattern, parse_pattern
from local.aws.iam.principals import PrincipalPattern, parse_principal

ALLOW, DENY = "Allow", "Deny"
VERSION_WITH_VARIABLES = "2012-10-17"
VERSIONS = (VERSION_WITH_VARIABLES, "2008-10-17")
MAX_CANDIDATES = 4096
"""Access checks for which a policy remembers its statements."""

POLICY_ELEMENTS = frozenset({"Version", "Id", "Statement"})
STATEMENT_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement.

    :param resources: None for trust policies, whose resource is the role itself
    :param principal: None in identity policies
    """

    policy_name: str
    sid: str
    effect: str
    actions: tuple[Pattern, ...]
    is_not_action: bool
    resources: tuple[ArnPattern, ...] | None
    is_not_resource: bool
    principal: PrincipalPattern | None
    conditions: tuple[AnyCondition, ...]
    source: Mapping[str, Any] = field(repr=False)

    def has_action(self, action: str) -> bool:
        """Return whether the statement is about an action, which is in lower case."""
        return any(pattern.is_like(action, {}) for pattern in self.actions) != self.is_not_action

    def has_resource(self, resource: str, context: Context) -> bool:
        """Return whether the statement is about a resource.

        :raises AmbiguousCondition: a variable of NotResource has no value. AWS does not document what matches then
        """
        if self.resources is None:
            return True
        if self.is_not_resource and not all(pattern.is_resolved(context) for pattern in self.resources):
            raise AmbiguousCondition(f"A variable of NotResource in {self.sid or 'a statement'} has no value.")
        return any(pattern.is_like(resource, context) for pattern in self.resources) != self.is_not_resource

    @functools.cached_property
    def depends_on_request(self) -> bool:
        """Return whether the resources contain policy variables."""
        return any(pattern.has_variables for pattern in self.resources or ())

    def is_met(self, context: Context) -> bool:
        """Return whether the conditions hold."""
        return all(condition.is_met(context) for condition in self.conditions)


@dataclass(frozen=True, eq=False)
class Policy:
    """A parsed policy.

    :param name: for messages
    """

    name: str
    statements: tuple[Statement, ...]
    _candidates: dict[tuple[str, str], tuple[Statement, ...]] = field(default_factory=dict, repr=False)

    def list_matching(self, action: str, resource: str, context: Context) -> list[Statement]:
        """Return the statements about an action on a resource whose conditions hold."""
        return [
            statement
            for statement in self._list_candidates(action, resource)
            if statement.is_met(context)
            and (not statement.depends_on_request or statement.has_resource(resource, context))
        ]

    def _list_candidates(self, action: str, resource: str) -> tuple[Statement, ...]:
        """Return the statements that may apply. They are remembered, because programs repeat the same access checks."""
        key = action, resource
        found = self._candidates.get(key)
        if found is None:
            if len(self._candidates) >= MAX_CANDIDATES:
                self._candidates.clear()
            found = self._candidates[key] = tuple(
                each
                for each in self.statements
                if each.has_action(action.lower()) and (each.depends_on_request or each.has_resource(resource, {}))
            )
        return found


@functools.lru_cache(maxsize=512)
def parse_policy_text(text: str, name: str = "") -> Policy:
    """Parse the JSON of a policy, also in the URL encoding of IAM's responses.

    :raises ValueError: it is not valid JSON
    :raises UnknownPolicyElement: it contains something that the evaluation does not know
    """
    return parse_policy(json.loads(unquote(text) if text.startswith("%") else text), name)


def parse_policy(document: Mapping[str, Any], name: str = "") -> Policy:
    """Parse a policy.

    :raises UnknownPolicyElement: it contains something that the evaluation does not know
    """
    _require_known("a policy", document, POLICY_ELEMENTS)
    version = document.get("Version", VERSIONS[-1])
    if version not in VERSIONS:
        raise UnknownPolicyElement(f"The version of a policy must be {' or '.join(VERSIONS)}, not {version!r}.")
    has_variables = version == VERSION_WITH_VARIABLES
    statements = (_parse_statement(each, name, has_variables) for each in to_list(document["Statement"]))
    return Policy(name, tuple(statements))


def _parse_statement(source: Mapping[str, Any], policy_name: str, has_variables: bool) -> Statement:
    _require_known("a statement", source, STATEMENT_ELEMENTS)
    effect = source.get("Effect")
    if effect not in (ALLOW, DENY):
        raise UnknownPolicyElement(f"The effect of a statement must be {ALLOW} or {DENY}, not {effect!r}.")
    actions, is_not_action = _read_either(source, "Action")
    if actions is None:
        raise UnknownPolicyElement("A statement needs Action or NotAction.")
    resources, is_not_resource = _read_either(source, "Resource")
    if resources is None and "Principal" not in source:
        raise UnknownPolicyElement("A statement without a principal needs Resource or NotResource.")
    return Statement(
        policy_name=policy_name,
        sid=source.get("Sid", ""),
        effect=effect,
        actions=tuple(parse_pattern(each.lower(), has_variables=False) for each in actions),
        is_not_action=is_not_action,
        resources=None
        if resources is None
        else tuple(parse_arn_pattern(each, has_variables=has_variables) for each in resources),
        is_not_resource=is_not_resource,
        principal=parse_principal(source["Principal"]) if "Principal" in source else None,
        conditions=tuple(parse_conditions(source.get("Condition", {}), has_variables=has_variables)),
        source=source,
    )


def _read_either(source: Mapping[str, Any], element: str) -> tuple[list[str] | None, bool]:
    """Return the values of an element or of its negation, and whether it is negated; None: there is neither."""
    negation = f"Not{element}"
    if element in source and negation in source:
        raise UnknownPolicyElement(f"A statement has both {element} and {negation}.")
    if negation in source:
        return to_list(source[negation]), True
    return (to_list(source[element]), False) if element in source else (None, False)


def _require_known(owner: str, found: Iterable[str], known: frozenset[str]) -> None:
    if unknown := set(found) - known:
        raise UnknownPolicyElement(f"Unknown elements of {owner}: {', '.join(sorted(unknown))}.")

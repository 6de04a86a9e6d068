"""Evaluation of IAM policies, as far as the roles of gpudesk use them. What it does not know is an error, not a yes.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_VARIABLE = re.compile(r"\$\{([^}]+)\}")

KNOWN_ELEMENTS = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})


class UnknownPolicyElement(ValueError):
    """The policy contains an element that this evaluation does not know."""


@dataclass(frozen=True)
class IamRequest:
    """One question to IAM. A call can ask several, and needs a yes to each.

    :param context: condition keys in lower case, and their values
    """

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def is_allowed(policies: Sequence[Mapping[str, Any]], request: IamRequest) -> bool:
    """Return whether a statement of the policies allows the request and none denies it.

    :raises UnknownPolicyElement: a policy contains an element that is not known here
    """
    statements = [statement for policy in policies for statement in _as_list(policy["Statement"])]
    effects = {statement["Effect"] for statement in statements if _matches(statement, request)}
    return effects == {"Allow"}


def _matches(statement: Mapping[str, Any], request: IamRequest) -> bool:
    if unknown := statement.keys() - KNOWN_ELEMENTS:
        raise UnknownPolicyElement(f"Unknown elements of a policy: {', '.join(sorted(unknown))}.")
    return (
        any(_is_like(request.action.lower(), action.lower()) for action in _as_list(statement["Action"]))
        and any(_is_like(request.resource, _fill_in(each, request)) for each in _as_list(statement["Resource"]))
        and all(
            _find_operator(operator)(
                request.context.get(key.lower()), [_fill_in(str(value), request) for value in _as_list(values)]
            )
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _equals(actual: str | None, expected: Sequence[str]) -> bool:
    return actual in expected


def _like(actual: str | None, expected: Sequence[str]) -> bool:
    return actual is not None and any(_is_like(actual, pattern) for pattern in expected)


def _equals_if_exists(actual: str | None, expected: Sequence[str]) -> bool:
    return actual is None or actual in expected


_OPERATORS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "StringEquals": _equals,
    "StringLike": _like,
    "Bool": _equals,
    "BoolIfExists": _equals_if_exists,
}


def _find_operator(name: str) -> Callable[[str | None, Sequence[str]], bool]:
    try:
        return _OPERATORS[name]
    except KeyError:
        raise UnknownPolicyElement(f"Unknown operator of a condition: {name}.") from None


def _fill_in(text: str, request: IamRequest) -> str:
    """Return a text with the values of its policy variables. A variable without a value stays and matches nothing."""
    return _VARIABLE.sub(lambda match: request.context.get(match[1].lower(), match[0]), text)


def _is_like(text: str, pattern: str) -> bool:
    """Return whether the text matches a pattern in which * and ? are wildcards."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]

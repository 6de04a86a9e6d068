"""Conditions of statements: operators with `ForAllValues`, `ForAnyValue` and `IfExists`, and `Null`.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.aws.iam.elements import to_list
from local.aws.iam.errors import AmbiguousCondition, UnknownPolicyElement
from local.aws.iam.operators import Expected, find_operator
from local.aws.iam.patterns import Context

IF_EXISTS = "IfExists"
ALL_VALUES, ANY_VALUE = "ForAllValues", "ForAnyValue"
NULL = "Null"


@dataclass(frozen=True)
class Condition:
    """One key with an operator and the values of the policy.

    :param key: in lower case
    :param qualifier: ForAllValues, ForAnyValue or empty
    :param holds_without_key: the result for a request that lacks the key
    """

    operator: str
    key: str
    values: tuple[str, ...]
    qualifier: str
    is_negated: bool
    holds_without_key: bool
    expected: tuple[Expected, ...]

    def is_met(self, context: Context) -> bool:
        """Return whether the condition holds for a request.

        :raises AmbiguousCondition: the request has several values, and the operator has no set qualifier; or a
            negated operator has a policy variable without a value
        """
        found = context.get(self.key)
        values = (found,) if isinstance(found, str) else found
        if not values:
            return self.holds_without_key
        if not self.qualifier and not isinstance(found, str):
            raise AmbiguousCondition(f"{self.key} has many values; {self.operator} needs {ALL_VALUES} or {ANY_VALUE}.")
        results = (self._compare(value, context) for value in values)
        return any(results) if self.qualifier == ANY_VALUE else all(results)

    def _compare(self, value: str, context: Context) -> bool:
        results = [expected(value, context) for expected in self.expected]
        if self.is_negated and None in results:
            raise AmbiguousCondition(f"A policy variable of {self.operator} {self.key} has no value.")
        return any(results) != self.is_negated


@dataclass(frozen=True)
class NullCondition:
    """A condition about the presence of a key.

    :param must_be_missing: `"true"` in the policy
    """

    key: str
    must_be_missing: bool
    operator: str = NULL

    def is_met(self, context: Context) -> bool:
        """Return whether the key is missing, or present, as the policy says."""
        return (not context.get(self.key)) == self.must_be_missing


AnyCondition = Condition | NullCondition


def parse_conditions(block: Mapping[str, Mapping[str, Any]], *, has_variables: bool = True) -> Iterator[AnyCondition]:
    """Yield the conditions of a statement. A request must meet all of them.

    :raises UnknownPolicyElement: an operator or a value is not known here
    """
    for name, keys in block.items():
        for key, raw in keys.items():
            values = tuple(map(read_value, to_list(raw)))
            if name == NULL:
                yield NullCondition(key.lower(), _read_null(values))
            else:
                yield _parse_condition(name, key.lower(), values, has_variables)


def read_value(value: Any) -> str:
    """Return a value of a policy as text: JSON may have it as a boolean or a number."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise UnknownPolicyElement(f"A value of a condition must be a text, a number or a boolean, not {value!r}.")


def _read_null(values: Sequence[str]) -> bool:
    match values:
        case ("true",):
            return True
        case ("false",):
            return False
    raise UnknownPolicyElement(f"Null must be true or false, not {', '.join(values)!r}.")


def _parse_condition(name: str, key: str, values: tuple[str, ...], has_variables: bool) -> Condition:
    qualifier, rest = _split_qualifier(name)
    is_optional = rest.endswith(IF_EXISTS)
    operator = find_operator(rest.removesuffix(IF_EXISTS))
    if is_optional and qualifier == ANY_VALUE:
        # AWS's page does not say which of the two decides about a missing key.
        raise UnknownPolicyElement(f"{name}: {ANY_VALUE} with {IF_EXISTS} has no documented result for a missing key.")
    holds_without_key = is_optional or qualifier == ALL_VALUES or (operator.is_negated and qualifier != ANY_VALUE)
    expected = tuple(operator.parse(value, has_variables) for value in values)
    return Condition(name, key, values, qualifier, operator.is_negated, holds_without_key, expected)


def _split_qualifier(name: str) -> tuple[str, str]:
    head, colon, tail = name.partition(":")
    if not colon:
        return "", name
    if head in (ALL_VALUES, ANY_VALUE):
        return head, tail
    raise UnknownPolicyElement(f"Unknown set qualifier of a condition: {name}.")

"""Condition operators: each compares one value of a policy with one value of a request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from local.aws.iam.errors import AmbiguousCondition, UnknownPolicyElement
from local.aws.iam.patterns import ArnPattern, Context, Pattern, parse_arn_pattern, parse_pattern

Expected = Callable[[str, Context], bool | None]
"""Function that compares a value of a request with a value of the policy.

It returns None if a policy variable in the value of the policy has no value in the request.
"""

Parse = Callable[[str, bool], Expected]
"""Function that parses a value of a policy; the flag says whether the policy may contain variables."""


@dataclass(frozen=True)
class Operator:
    """A condition operator without its set qualifier and without `IfExists`.

    :param is_negated: whether it holds when no value of the policy compares equal
    """

    parse: Parse
    is_negated: bool = False


def find_operator(name: str) -> Operator:
    """Return an operator by its name.

    :raises UnknownPolicyElement: it is not known here
    """
    try:
        return OPERATORS[name]
    except KeyError:
        raise UnknownPolicyElement(f"Unknown operator of a condition: {name}.") from None


def _build_equal(normalize: Callable[[str], str]) -> Parse:
    def parse(text: str, has_variables: bool) -> Expected:
        pattern = parse_pattern(text, has_variables=has_variables)

        def is_equal(value: str, context: Context) -> bool | None:
            filled = pattern.fill(context)
            return None if filled is None else normalize(filled) == normalize(value)

        return is_equal

    return parse


def _parse_like(text: str, has_variables: bool) -> Expected:
    return _build_like(parse_pattern(text, has_variables=has_variables))


def _parse_arn(text: str, has_variables: bool) -> Expected:
    return _build_like(parse_arn_pattern(text, has_variables=has_variables))


def _build_like(pattern: Pattern | ArnPattern) -> Expected:
    if not pattern.has_variables:
        return pattern.is_like
    return lambda value, context: pattern.is_like(value, context) if pattern.is_resolved(context) else None


def _parse_boolean(text: str, has_variables: bool) -> Expected:
    del has_variables
    wanted = text.lower()
    if wanted not in ("true", "false"):
        raise UnknownPolicyElement(f"A value of Bool must be true or false, not {text!r}.")
    return lambda value, _: value.lower() == wanted


def _parse_network(text: str, has_variables: bool) -> Expected:
    del has_variables
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise UnknownPolicyElement(f"{text!r} is no range of IP addresses: {error}.") from error
    return lambda value, _: ipaddress.ip_address(value) in network


def _read_number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise AmbiguousCondition(f"{text!r} is not a number.") from None


def _read_time(text: str) -> Decimal:
    """Return the epoch seconds of a time in ISO 8601 or in epoch seconds."""
    try:
        return Decimal(text)
    except InvalidOperation:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise AmbiguousCondition(f"{text!r} is not a time.") from None
    return Decimal(str((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()))


def _parse_compared(read: Callable[[str], Decimal], compare: Callable[[Decimal, Decimal], bool]) -> Parse:
    def parse(text: str, has_variables: bool) -> Expected:
        del has_variables
        wanted = read(text)
        return lambda value, _: compare(read(value), wanted)

    return parse


def _build_comparisons(kind: str, read: Callable[[str], Decimal]) -> Mapping[str, Operator]:
    equal = _parse_compared(read, lambda value, wanted: value == wanted)
    return {
        f"{kind}Equals": Operator(equal),
        f"{kind}NotEquals": Operator(equal, is_negated=True),
        f"{kind}LessThan": Operator(_parse_compared(read, lambda value, wanted: value < wanted)),
        f"{kind}LessThanEquals": Operator(_parse_compared(read, lambda value, wanted: value <= wanted)),
        f"{kind}GreaterThan": Operator(_parse_compared(read, lambda value, wanted: value > wanted)),
        f"{kind}GreaterThanEquals": Operator(_parse_compared(read, lambda value, wanted: value >= wanted)),
    }


_parse_equal_text, _parse_equal_text_without_case = _build_equal(str), _build_equal(str.casefold)

OPERATORS: Mapping[str, Operator] = {
    "StringEquals": Operator(_parse_equal_text),
    "StringNotEquals": Operator(_parse_equal_text, is_negated=True),
    "StringEqualsIgnoreCase": Operator(_parse_equal_text_without_case),
    "StringNotEqualsIgnoreCase": Operator(_parse_equal_text_without_case, is_negated=True),
    "StringLike": Operator(_parse_like),
    "StringNotLike": Operator(_parse_like, is_negated=True),
    # AWS documents that ArnEquals and ArnLike behave identically.
    "ArnEquals": Operator(_parse_arn),
    "ArnNotEquals": Operator(_parse_arn, is_negated=True),
    "ArnLike": Operator(_parse_arn),
    "ArnNotLike": Operator(_parse_arn, is_negated=True),
    "Bool": Operator(_parse_boolean),
    "IpAddress": Operator(_parse_network),
    "NotIpAddress": Operator(_parse_network, is_negated=True),
    **_build_comparisons("Numeric", _read_number),
    **_build_comparisons("Date", _read_time),
}

"""Condition operators: each with the key right, wrong and missing."""

from collections.abc import Mapping
from typing import Any

import pytest

from local.aws.iam.conditions import parse_conditions
from local.aws.iam.errors import AmbiguousCondition, UnknownPolicyElement

KEY = "aws:userid"
ROLE = "arn:aws:iam::123456789012:role/"

OPERATORS: tuple[tuple[str, Any, Any, Any, bool], ...] = (
    # operator, value of the policy, value that holds, value that does not, result without the key
    ("StringEquals", ["a", "b"], "b", "B", False),
    ("StringEquals", "a*", "a*", "ab", False),
    ("StringEqualsIfExists", "a", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "c", "b", True),
    ("StringNotEqualsIfExists", "a", "b", "a", True),
    ("StringEqualsIgnoreCase", "Dev", "DEV", "prod", False),
    ("StringNotEqualsIgnoreCase", "Dev", "prod", "DEV", True),
    ("StringLike", "a?c*", "abcd", "ac", False),
    ("StringLike", "a${*}", "a*", "ab", False),
    ("StringNotLike", "a*", "b", "ab", True),
    ("ArnEquals", f"{ROLE}gpudesk-*", f"{ROLE}gpudesk-dev", f"{ROLE}other", False),
    ("ArnLike", "arn:aws:*:*:*:role/x", f"{ROLE}x", "arn:aws:iam:role/x", False),
    ("ArnNotEquals", f"{ROLE}x", f"{ROLE}y", f"{ROLE}x", True),
    ("ArnNotLike", f"{ROLE}x*", f"{ROLE}y", f"{ROLE}xy", True),
    ("ArnLikeIfExists", f"{ROLE}x", f"{ROLE}x", f"{ROLE}y", True),
    ("Bool", True, "true", "false", False),
    ("Bool", "false", "False", "true", False),
    ("BoolIfExists", "true", "true", "false", True),
    ("NumericEquals", 5, "5.0", "6", False),
    ("NumericNotEquals", "5", "6", "5", True),
    ("NumericLessThan", "5", "4", "5", False),
    ("NumericLessThanEquals", "5", "5", "6", False),
    ("NumericGreaterThan", "5", "6", "5", False),
    ("NumericGreaterThanEquals", "5", "5", "4", False),
    ("NumericLessThanIfExists", "5", "4", "5", True),
    ("DateEquals", "2026-01-01T00:00:00Z", "1767225600", "2026-01-02T00:00:00Z", False),
    ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "1767225600", True),
    ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", False),
    ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:01Z", False),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:00Z", False),
    ("DateGreaterThanEquals", "2026-01-01", "2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z", False),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", "11.0.0.1", False),
    ("NotIpAddress", "10.0.0.0/8", "11.0.0.1", "10.1.2.3", True),
    ("Null", "false", "anything", None, False),
    ("Null", True, None, "anything", True),
    ("ForAllValues:StringEquals", ["a", "b"], ("a", "b"), ("a", "c"), True),
    ("ForAllValues:StringNotEquals", ["a", "b"], ("c",), ("c", "a"), True),
    ("ForAllValues:StringLike", "AROA*:i-?", ("AROAX:i-1",), ("AROAX:i-1", "x"), True),
    ("ForAnyValue:StringEquals", ["a", "b"], ("c", "a"), ("c", "d"), False),
    ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "c"), ("a", "b"), False),
    ("ForAllValues:StringEqualsIfExists", "a", ("a",), ("b",), True),
    ("ForAnyValue:StringEquals", "a", "a", "b", False),
)


def meets(block: Mapping[str, Any], **context: Any) -> bool:
    """Return whether a request meets all conditions of a block. `key` is the value of KEY; None: the key is missing."""
    present = {"key": KEY}
    filled = {present.get(name, name): value for name, value in context.items() if value is not None}
    return all(condition.is_met(filled) for condition in parse_conditions(block))


@pytest.mark.parametrize(
    ("operator", "values", "right", "wrong", "without"), OPERATORS, ids=[row[0] for row in OPERATORS]
)
def test_operator_with_the_key_right_wrong_and_missing(
    operator: str, values: Any, right: Any, wrong: Any, without: bool
) -> None:
    block = {operator: {KEY.upper(): values}}
    assert meets(block, key=right)
    assert not meets(block, key=wrong)
    assert meets(block) is without


def test_missing_key_passes_for_all_values_unless_null_forbids_it() -> None:
    unguarded = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["own"]}}
    guarded = {**unguarded, "Null": {"dynamodb:LeadingKeys": "false"}}
    assert meets(unguarded)
    assert not meets(guarded)
    assert meets(guarded, **{"dynamodb:leadingkeys": ("own",)})
    assert not meets(guarded, **{"dynamodb:leadingkeys": ("own", "other")})
    assert not meets(guarded, **{"dynamodb:leadingkeys": ()})


def test_all_conditions_and_all_keys_must_be_met() -> None:
    block = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    assert meets(block, a="1", b="2", c="true")
    for wrong in ({"a": "0"}, {"b": "0"}, {"c": "false"}):
        assert not meets(block, **{"a": "1", "b": "2", "c": "true", **wrong})


@pytest.mark.parametrize("operator", ["StringEquals", "StringLike", "StringEqualsIgnoreCase"])
def test_variable_is_filled_and_its_wildcards_are_literal(operator: str) -> None:
    block = {operator: {"ssm:resourceTag/gpudesk:id": "${aws:PrincipalTag/gpudesk:id}"}}
    tag, session = "ssm:resourcetag/gpudesk:id", "aws:principaltag/gpudesk:id"
    assert meets(block, **{tag: "gd-1", session: "gd-1"})
    assert not meets(block, **{tag: "gd-2", session: "gd-1"})
    assert not meets(block, **{tag: "gd-2", session: "*"})
    assert not meets(block, **{tag: "gd-1"})


def test_default_of_a_variable_is_used_without_the_key() -> None:
    block = {"StringEquals": {"s3:prefix": "${aws:username, 'guest'}"}}
    assert meets(block, **{"s3:prefix": "guest"})
    assert not meets(block, **{"s3:prefix": "guest", "aws:username": "ada"})


def test_variable_in_an_arn_may_contain_colons() -> None:
    block = {"ArnLike": {"aws:SourceArn": "arn:aws:ssm:*:*:session/${aws:userid}-*"}}
    assert meets(block, **{"aws:sourcearn": "arn:aws:ssm:eu-west-1:1:session/AROA:ada-1", KEY: "AROA:ada"})
    assert not meets(block, **{"aws:sourcearn": "arn:aws:ssm:eu-west-1:1:session/AROA:bob-1", KEY: "AROA:ada"})


@pytest.mark.parametrize(
    "block",
    [
        {"StringMatches": {KEY: "a"}},
        {"stringequals": {KEY: "a"}},
        {"BinaryEquals": {KEY: "a"}},
        {"ForSomeValues:StringEquals": {KEY: "a"}},
        {"Null": {KEY: "maybe"}},
        {"Null": {KEY: ["true", "false"]}},
        {"NullIfExists": {KEY: "true"}},
        {"ForAnyValue:StringEqualsIfExists": {KEY: "a"}},
        {"Bool": {KEY: "yes"}},
        {"StringEquals": {KEY: {"a": "b"}}},
        {"StringEquals": {KEY: "${aws:userid"}},
        {"ArnLike": {KEY: "role/x"}},
        {"IpAddress": {KEY: "10.0.0"}},
    ],
    ids=str,
)
def test_unknown_operator_or_value_is_refused(block: Any) -> None:
    with pytest.raises(UnknownPolicyElement):
        meets(block, key="a")


@pytest.mark.parametrize(
    ("block", "value"),
    [
        ({"StringEquals": {KEY: "a"}}, ("a", "b")),
        ({"StringNotEquals": {KEY: "${aws:username}"}}, "a"),
        ({"StringNotLike": {KEY: "${aws:username}*"}}, "a"),
        ({"NumericLessThan": {KEY: "5"}}, "many"),
        ({"DateLessThan": {KEY: "2026-01-01T00:00:00Z"}}, "soon"),
    ],
    ids=str,
)
def test_condition_without_a_defined_result_is_an_error(block: Any, value: Any) -> None:
    with pytest.raises(AmbiguousCondition):
        meets(block, key=value)

"""Access checks of DynamoDB: leading keys and attributes of a request."""

from typing import Any

import pytest

from local.aws.iam.access_checks.dynamodb_expressions import list_attributes
from local.aws.iam.errors import UnknownOperation
from tests.local.aws.iam.access_checks import list_checks


@pytest.mark.parametrize("operation", ["Scan", "GetItem"])
def test_call_without_a_key_has_no_leading_keys(operation: str) -> None:
    """A condition on leading keys must not hold by accident: the key is missing, not empty."""
    ((_, _, context),) = list_checks("dynamodb", operation, TableName="things")
    assert not context.keys() & {"dynamodb:LeadingKeys", "dynamodb:Attributes"}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a = :a", {"a"}),
        ("#0.#1[2] = :a AND b.c BETWEEN :x AND :y", {"zero", "b"}),
        ("attribute_not_exists(a) OR size(b) > :x", {"a", "b"}),
        ("SET a = list_append(a, :x) ADD b :y DELETE c :z", {"a", "b", "c"}),
        ("a IN (:x, :y)", {"a"}),
        ("SET a=:h-b", {"a", "b"}),
        ("SET a = #0-b", {"a", "zero", "b"}),
    ],
)
def test_attributes_of_an_expression(expression: str, names: set[str]) -> None:
    request = {"ConditionExpression": expression, "ExpressionAttributeNames": {"#0": "zero", "#1": "one"}}
    assert list_attributes(request) == names


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("UpdateItem", {"Key": {"id": {"S": "x"}}, "AttributeUpdates": {"response": {"Value": {"S": "y"}}}}),
        ("DeleteItem", {"Key": {"id": {"S": "x"}}, "Expected": {"response": {"Exists": False}}}),
        ("Query", {"KeyConditions": {"id": {"AttributeValueList": [{"S": "x"}], "ComparisonOperator": "EQ"}}}),
        ("Scan", {"AttributesToGet": ["response"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parameters_before_expressions_are_refused(operation: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(UnknownOperation, match="Use the expressions"):
        list_checks("dynamodb", operation, TableName="things", **parameters)

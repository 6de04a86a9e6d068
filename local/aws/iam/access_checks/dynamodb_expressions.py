"""Names of the attributes in DynamoDB's expressions: the top-level ones, as `dynamodb:Attributes` lists them."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.aws.iam.errors import UnknownOperation

EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
LEGACY_PARAMETERS = frozenset(
    {
        "AttributeUpdates",
        "AttributesToGet",
        "ConditionalOperator",
        "Expected",
        "KeyConditions",
        "QueryFilter",
        "ScanFilter",
    }
)
"""Parameters from before expressions. They name attributes, too, and gpudesk does not use them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
"""

KEYWORDS = frozenset(
    {
        "ADD",
        "AND",
        "ATTRIBUTE_EXISTS",
        "ATTRIBUTE_NOT_EXISTS",
        "ATTRIBUTE_TYPE",
        "BEGINS_WITH",
        "BETWEEN",
        "CONTAINS",
        "DELETE",
        "IF_NOT_EXISTS",
        "IN",
        "LIST_APPEND",
        "NOT",
        "OR",
        "REMOVE",
        "SET",
        "SIZE",
    }
)

_PATH = re.compile(r"(?<![\w#:.])(?P<name>#\w+|[A-Za-z_]\w*)(?:\[\d+\])*(?:\.[\w#]+(?:\[\d+\])*)*")
"""A hyphen is a minus sign, also right after a value: `:x-response` reads the attribute `response`."""


def list_attributes(request: Mapping[str, Any]) -> set[str]:
    """Return the names of the top-level attributes that a request names in its item, its key and its expressions.

    :raises UnknownOperation: it has a legacy parameter
    """
    if legacy := LEGACY_PARAMETERS & request.keys():
        raise UnknownOperation(
            f"The access checks of {', '.join(sorted(legacy))} are unknown. Use the expressions of DynamoDB."
        )
    names = {*request.get("Item", ()), *request.get("Key", ())}
    for expression in EXPRESSIONS:
        if text := request.get(expression):
            names.update(resolve_name(name, request) for name in _list_names(text))
    return names


def resolve_name(name: str, request: Mapping[str, Any]) -> str:
    """Return the attribute that a placeholder such as `#0` stands for, or the name itself."""
    names: Mapping[str, str] = request.get("ExpressionAttributeNames", {})
    return names.get(name, name)


@functools.lru_cache(maxsize=1024)
def _list_names(expression: str) -> tuple[str, ...]:
    """Return the first parts of the paths. They are cached, because a program has few expressions."""
    return tuple(_find_names(expression))


def _find_names(expression: str) -> Iterator[str]:
    for match in _PATH.finditer(expression):
        is_function = expression[match.end() :].lstrip().startswith("(")
        if not (match["name"].upper() in KEYWORDS and (is_function or not match["name"].startswith("#"))):
            yield match["name"]

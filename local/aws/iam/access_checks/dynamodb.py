"""Access checks of DynamoDB: on each table or index, with the leading keys and attributes that a call names.

A transaction is checked as the single writes that it contains.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.aws.iam.access_checks.call import AccessCheck, Call, Facts, ListChecks, list_checks_without_resource
from local.aws.iam.access_checks.dynamodb_expressions import list_attributes, resolve_name

TRANSACTION_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
WRITES = frozenset({"DeleteItem", "PutItem", "UpdateItem"})

_EQUALITY = re.compile(r"(?P<name>#\w+|[A-Za-z_][\w.]*)\s*=\s*(?P<value>:\w+)")


def _list_checks_of_item(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    return (_build_check(call, facts, call.operation, call.parameters),)


def _list_checks_of_transaction(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    for item in call.parameters["TransactItems"]:
        for kind, request in item.items():
            access_check = _build_check(call, facts, TRANSACTION_ACTIONS[kind], request)
            context = {**access_check.context, "dynamodb:EnclosingOperation": call.operation}
            yield AccessCheck(access_check.action, access_check.resource, context)


def _list_checks_of_batch(call: Call, facts: Facts) -> Iterator[AccessCheck]:
    for table, requests in call.parameters["RequestItems"].items():
        key = facts.find_partition_key(call.region, _get_name(table), None)
        items = (
            requests["Keys"] if isinstance(requests, Mapping) else [_get_written_item(request) for request in requests]
        )
        attributes = {name for item in items for name in item}
        if isinstance(requests, Mapping):
            attributes |= list_attributes(requests)
        yield AccessCheck(
            f"dynamodb:{call.operation}",
            _build_arn(call, table, None),
            _build_context(tuple(_get_key_text(item[key]) for item in items if key in item), attributes),
        )


def _get_written_item(request: Mapping[str, Any]) -> Mapping[str, Any]:
    ((_, write),) = request.items()
    item: Mapping[str, Any] = write.get("Item") or write["Key"]
    return item


def _build_check(call: Call, facts: Facts, action: str, request: Mapping[str, Any]) -> AccessCheck:
    table, index = request["TableName"], request.get("IndexName")
    key = facts.find_partition_key(call.region, _get_name(table), index)
    context = _build_context(_find_leading_keys(request, key), list_attributes(request))
    if action in WRITES:
        context["dynamodb:ReturnValues"] = request.get("ReturnValues", "NONE")
    elif "ReturnValues" in request:
        context["dynamodb:ReturnValues"] = request["ReturnValues"]
    if "Select" in request:
        context["dynamodb:Select"] = request["Select"]
    return AccessCheck(f"dynamodb:{action}", _build_arn(call, table, index), context)


def _build_context(leading_keys: tuple[str, ...], attributes: Iterable[str]) -> dict[str, str | tuple[str, ...]]:
    """Return the condition keys. A request without values for a key does not have the key."""
    context: dict[str, str | tuple[str, ...]] = {}
    if leading_keys:
        context["dynamodb:LeadingKeys"] = leading_keys
    if names := tuple(sorted(attributes)):
        context["dynamodb:Attributes"] = names
    return context


def _find_leading_keys(request: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the values of the partition key: of an item, of a key, or of the equality in a query."""
    item = request.get("Item") or request.get("Key")
    if item is not None:
        return (_get_key_text(item[key]),) if key in item else ()
    values = request.get("ExpressionAttributeValues", {})
    for match in _EQUALITY.finditer(request.get("KeyConditionExpression", "")):
        if resolve_name(match["name"], request) == key:
            return (_get_key_text(values[match["value"]]),)
    return ()


def _get_key_text(value: Mapping[str, Any]) -> str:
    """Return the value of a key attribute as text: x for `{"S": "x"}`, 1 for `{"N": "1"}`."""
    (text,) = value.values()
    return str(text)


def _list_checks_of_table(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    del facts
    return (AccessCheck(f"dynamodb:{call.operation}", _build_arn(call, call.parameters["TableName"], None)),)


def _list_checks_of_stream(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    del facts
    arn = call.parameters.get("StreamArn") or call.parameters["ShardIterator"].partition("|")[0]
    return (AccessCheck(f"dynamodb:{call.operation}", arn),)


def _list_checks_of_list_streams(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    del call, facts
    return (AccessCheck("dynamodb:ListStreams", "*"),)


def _get_name(table: str) -> str:
    return table.rpartition("/")[2]


def _build_arn(call: Call, table: str, index: str | None) -> str:
    return call.build_arn("dynamodb", f"table/{_get_name(table)}" + (f"/index/{index}" if index else ""))


DYNAMODB: Mapping[str, ListChecks] = {
    "ListTables": list_checks_without_resource,
    **dict.fromkeys(("DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"), _list_checks_of_item),
    **dict.fromkeys(("BatchGetItem", "BatchWriteItem"), _list_checks_of_batch),
    **dict.fromkeys(("TransactGetItems", "TransactWriteItems"), _list_checks_of_transaction),
    **dict.fromkeys(("CreateTable", "DeleteTable", "DescribeTable", "UpdateTable"), _list_checks_of_table),
}

STREAMS: Mapping[str, ListChecks] = {
    **dict.fromkeys(("DescribeStream", "GetRecords", "GetShardIterator"), _list_checks_of_stream),
    "ListStreams": _list_checks_of_list_streams,
}

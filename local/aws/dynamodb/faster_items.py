"""Faster implementations of moto's DynamoDB, with the same results.

- moto walks the whole service model to serialize a response. The results of reading and writing items have their wire
  form, so they are written as JSON directly. An attribute value is a union of ten members, of which it has one; in
  other results only that one is looked up.
- `copy.deepcopy` determines for each object how to copy it. Attribute values and nodes of expressions copy themselves.
- Update expressions are parsed once per process, because callers change only copies of them. The classes of nodes that
  a processor of expressions handles are listed once, too.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

from moto.core.serialize import JSONSerializer, ResponseSerializer
from moto.dynamodb import responses
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

from local.aws.core.moto_performance import remember_results
from local.aws.core.patches import Patches

ATTRIBUTE_VALUE = "AttributeValue"

BINARY_TYPES = frozenset({"B", "BS"})

ITEM_OPERATIONS = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)
"""DynamoDB operations whose results have their wire form."""

SerializeResult = Callable[[Any, Any, Any], Any]
Serialize = Callable[[Any, Any, Any, Any, str], None]

_PROCESSED_CLASSES: dict[type, tuple[type, ...]] = {}
"""The classes of nodes that a processor handles, by its class."""


def patch(patches: Patches) -> None:
    """Install the faster implementations."""
    patches.wrap(JSONSerializer, "_serialize_result", _serialize_items_directly)
    patches.wrap(ResponseSerializer, "_serialize_type_structure", _serialize_present_member)
    patches.add(DynamoType, "__deepcopy__", _copy_attribute_value)
    patches.add(DynamoType, "to_regular_json", _convert_to_json)
    patches.add(Node, "__deepcopy__", _copy_node)
    patches.wrap(responses, "dynamo_to_dict", convert_attribute_values)
    patches.wrap(UpdateExpressionParser, "make", remember_results)
    patches.wrap(DepthFirstTraverser, "nodes_to_be_processed", _remember_by_class)


def _serialize_items_directly(original: SerializeResult) -> SerializeResult:
    def serialize_result(serializer: Any, response: Any, result: Any) -> Any:
        operation = serializer.operation_model
        if operation.service_model.service_name != "dynamodb" or operation.name not in ITEM_OPERATIONS:
            return original(serializer, response, result)
        members = operation.output_shape.members
        present = {name: value for name, value in (result or {}).items() if name in members and value is not None}
        try:
            response["body"] = json.dumps(present)
        except TypeError:  # binary values: the original encodes them
            return original(serializer, response, result)
        response["headers"]["Content-Type"] = serializer._get_protocol_specific_content_type()
        return response

    return serialize_result


def _copy_attribute_value(value: DynamoType, _memo: dict[int, Any]) -> DynamoType:
    copied = DynamoType.__new__(DynamoType)
    copied.type = value.type
    content = value.value
    if type(content) is dict:
        content = {name: _copy_member(member) for name, member in content.items()}
    elif type(content) is list:
        content = [_copy_member(member) for member in content]
    copied.value = content
    return copied


def _copy_member(member: Any) -> Any:
    return _copy_attribute_value(member, {}) if type(member) is DynamoType else member


def _convert_to_json(value: DynamoType) -> dict[str, Any]:
    content = value.value
    if type(content) is dict:
        content = {name: _convert_member(member) for name, member in content.items()}
    elif type(content) is list:
        content = [_convert_member(member) for member in content]
    elif value.is_binary() and isinstance(content, str):
        content = base64.b64decode(content)
    return {value.type: content}


def _convert_member(member: Any) -> Any:
    return _convert_to_json(member) if type(member) is DynamoType else member


def convert_attribute_values(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that converts the types of most values itself, and all others with moto's function."""

    def convert(value: Any) -> Any:
        kind = type(value)
        if kind is str or value is None:
            return value
        if kind is DynamoType and value.type not in BINARY_TYPES:
            return {value.type: convert(value.value)}
        if isinstance(value, dict):
            return {name: convert(member) for name, member in value.items()}
        if kind is list:
            return [convert(member) for member in value]
        return convert(value.to_json()) if kind is Item else original(value)

    return convert


def _copy_node(node: Any, _memo: dict[int, Any]) -> Any:
    copied = object.__new__(type(node))
    vars(copied).update(vars(node))
    if node.children is not None:
        copied.children = [_copy_node(child, _memo) if isinstance(child, Node) else child for child in node.children]
        for child in copied.children:
            if isinstance(child, Node):
                child.parent = copied
    return copied


def _serialize_present_member(original: Serialize) -> Serialize:
    def serialize(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        has_wire_shape = isinstance(value, dict) and value.keys() <= shape.members.keys()
        if shape.name != ATTRIBUTE_VALUE or not has_wire_shape:
            original(serializer, serialized, value, shape, key)
            return
        wrapper = serializer.MAP_TYPE()
        for name, member in value.items():
            serializer._serialize(wrapper, member, shape.members[name], name)
        serializer._default_serialize(serialized, wrapper, shape, key)

    return serialize


def _remember_by_class(original: Callable[[Any], tuple[type, ...]]) -> Callable[[Any], tuple[type, ...]]:
    def list_classes(processor: Any) -> tuple[type, ...]:
        classes = _PROCESSED_CLASSES.get(type(processor))
        if classes is None:
            classes = _PROCESSED_CLASSES[type(processor)] = original(processor)
        return classes

    return list_classes

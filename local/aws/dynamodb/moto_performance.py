"""Faster implementations of parts of moto, with the same results.

Most of the scenario tests' time passes in moto. The patches fall into four groups:

- Responses. moto walks the whole service model to serialize a response. The results of reading and writing items have
  their wire form, so they are written as JSON directly. An attribute value is a union of ten members, of which it has
  one; in other results only that one is looked up.
- Copies. `copy.deepcopy` determines for each object how to copy it. Attribute values and nodes of expressions copy
  themselves.
- Values computed once instead of for each call: the method names of a response class, the possible names of a member in
  a Python object, parsed update expressions (callers change only copies of them), and the key pair of KMS keys, which
  encrypt nothing here.
- Searches. To find the tags of one EC2 resource, moto compares the tags of all resources.
"""

import base64
import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moto.core import responses
from moto.core.serialize import JSONSerializer, ResponseSerializer, XFormedAttributePicker
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.parsing.ast_nodes import Node  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]
from moto.ec2.models.tags import TagBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.kms import models as kms_models

from local.aws.core.patches import Patches

ATTRIBUTE_VALUE = "AttributeValue"

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
DescribeTags = Callable[..., list[dict[str, str]]]
GetPossibleKeys = Callable[[Any, Any], Iterable[str]]

RESOURCE_ID = re.compile("[a-z]+-[0-9a-f]+")
"""Id of an EC2 resource, without wildcards."""

_POSSIBLE_KEYS: dict[tuple[type, Any, str], tuple[str, ...]] = {}
"""Keyed by the object's class, the member's shape (botocore loads a service model once) and the member's name."""


def patch(patches: Patches) -> None:
    """Install the faster implementations."""
    patches.wrap(JSONSerializer, "_serialize_result", _serialize_items_directly)
    patches.wrap(ResponseSerializer, "_serialize_type_structure", _serialize_present_member)
    patches.add(DynamoType, "__deepcopy__", _copy_attribute_value)
    patches.add(DynamoType, "to_regular_json", _convert_to_json)
    patches.add(Node, "__deepcopy__", _copy_node)
    patches.wrap(kms_models, "generate_private_key", functools.cache)
    patches.wrap(responses, "method_names_from_class", functools.cache)
    patches.wrap(UpdateExpressionParser, "make", functools.cache)
    patches.wrap(TagBackend, "describe_tags", _look_up_tags)
    patches.wrap(XFormedAttributePicker, "get_possible_keys", _cache_possible_keys)


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


def _look_up_tags(original: DescribeTags) -> DescribeTags:
    def describe_tags(backend: Any, filters: Any = None) -> list[dict[str, str]]:
        ids: Sequence[str] = filters["resource-id"] if filters and filters.keys() == {"resource-id"} else ()
        if len(ids) != 1 or not RESOURCE_ID.fullmatch(ids[0]):
            return original(backend, filters)
        resource_id = ids[0]
        resource_type = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource_id) or "", "")
        return [
            {"resource_id": resource_id, "key": key, "value": value, "resource_type": resource_type}
            for key, value in backend.tags.get(resource_id, {}).items()
        ]

    return describe_tags


def _cache_possible_keys(original: GetPossibleKeys) -> GetPossibleKeys:
    def get_possible_keys(picker: Any, context: Any) -> Iterable[str]:
        member = type(context.obj), context.shape, context.key
        keys = _POSSIBLE_KEYS.get(member)
        if keys is None:
            keys = _POSSIBLE_KEYS[member] = tuple(dict.fromkeys(original(picker, context)))
        return keys

    return get_possible_keys

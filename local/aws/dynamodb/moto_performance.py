"""Faster implementations of parts of moto, with the same results.

Most of the scenario tests' time passes in moto. The patches fall into four groups:

- Responses. moto walks the whole service model to serialize a response. The results of reading and writing items have
  their wire form, so they are written as JSON directly. An attribute value is a union of ten members, of which it has
  one; in other results only that one is looked up.
- Copies. `copy.deepcopy` determines for each object how to copy it. Attribute values and nodes of expressions copy
  themselves.
- Values computed once per process instead of for each call or each cloud: the method names of a response class, the
  possible names of a member in a Python object, whether moto transforms it, parsed update expressions (callers change
  only copies of them), the classes of nodes that a processor of expressions handles, the offers of an instance type by
  zone, checked names of XML elements, the parts of the SDK's User-Agent, and the key pair of KMS keys, which encrypt
  nothing here.
- Searches. To find the tags of one EC2 resource, moto compares the tags of all resources.
- Random texts. moto chooses one character after the other.
"""

import base64
import functools
import json
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import xmltodict  # type: ignore[import-untyped]
from botocore import useragent
from moto.core import responses
from moto.core.serialize import AttributePicker, JSONSerializer, ResponseSerializer, XFormedAttributePicker
from moto.core.utils import MISSING, get_value  # type: ignore[attr-defined]
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]
from moto.ec2.models.instance_types import InstanceTypeOfferingBackend
from moto.ec2.models.tags import TagBackend
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.kms import models as kms_models
from moto.moto_api._internal.moto_random import MotoRandom

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


_PROCESSED_CLASSES: dict[type, tuple[type, ...]] = {}
"""The classes of nodes that a processor handles, by its class."""

_OFFERINGS: dict[tuple[str, str | None, tuple[tuple[str, tuple[str, ...]], ...]], list[Any]] = {}
"""The offers of instance types that moto has, by region, kind of location and filters."""


def patch(patches: Patches) -> None:
    """Install the faster implementations."""
    patches.wrap(JSONSerializer, "_serialize_result", _serialize_items_directly)
    patches.wrap(ResponseSerializer, "_serialize_type_structure", _serialize_present_member)
    patches.add(DynamoType, "__deepcopy__", _copy_attribute_value)
    patches.add(DynamoType, "to_regular_json", _convert_to_json)
    patches.add(Node, "__deepcopy__", _copy_node)
    patches.wrap(kms_models, "generate_private_key", remember_results)
    patches.wrap(responses, "method_names_from_class", remember_results)
    patches.wrap(UpdateExpressionParser, "make", remember_results)
    patches.wrap(xmltodict, "_validate_name", remember_results)
    patches.wrap(useragent, "sanitize_user_agent_string_component", remember_results)
    patches.wrap(DepthFirstTraverser, "nodes_to_be_processed", _remember_by_class)
    patches.add(AttributePicker, "__call__", _pick_attribute)
    patches.add(MotoRandom, "get_random_string", _get_random_string)
    patches.wrap(InstanceTypeOfferingBackend, "describe_instance_type_offerings", _remember_offerings)
    patches.wrap(TagBackend, "describe_tags", _look_up_tags)
    patches.wrap(XFormedAttributePicker, "get_possible_keys", _cache_possible_keys)


@functools.cache
def remember_results(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes each result once per process, also if each cloud installs it again."""
    return functools.cache(original)


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


def _pick_attribute(picker: Any, context: Any) -> Any:
    value = None
    for key in picker.get_possible_keys(context):
        found = get_value(context.obj, key, MISSING)
        if found is not MISSING:
            value = found
            break
    path = _find_path(tuple(picker.response_transformers), f"{context.key_path}.{context.key}")
    return value if path is None else picker.response_transformers[path](value)


@functools.cache
def _find_path(ends: tuple[str, ...], key_path: str) -> str | None:
    """Return the first of some ends of paths that a path has."""
    return next((end for end in ends if key_path.endswith(end)), None)


def _remember_by_class(original: Callable[[Any], tuple[type, ...]]) -> Callable[[Any], tuple[type, ...]]:
    def list_classes(processor: Any) -> tuple[type, ...]:
        classes = _PROCESSED_CLASSES.get(type(processor))
        if classes is None:
            classes = _PROCESSED_CLASSES[type(processor)] = original(processor)
        return classes

    return list_classes


def _remember_offerings(original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    def describe(
        backend: Any, location_type: str | None = None, filters: Mapping[str, Sequence[str]] | None = None
    ) -> list[Any]:
        criteria = tuple((name, tuple(values)) for name, values in sorted((filters or {}).items()))
        query = backend.region_name, location_type, criteria
        if query not in _OFFERINGS:
            _OFFERINGS[query] = original(backend, location_type, filters)
        return list(_OFFERINGS[query])

    return describe


def _get_random_string(
    random: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False
) -> str:
    pool = string.ascii_letters + (string.digits if include_digits else "")
    text = "".join(random.choices(pool, k=length))
    return text.lower() if lower_case else text

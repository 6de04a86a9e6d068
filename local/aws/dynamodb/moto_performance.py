"""Shortcuts through moto that give the same responses in less time.

A DynamoDB attribute value has exactly one of ten members (S, N, ...). moto looks for all ten in every value, under each
name that a Python object might use; that took half the time of the scenario tests. Here moto serializes only the member
that a value has, if the value is already in its wire format.

Three results are computed once and cached: the method names of a response class, the possible names of a member in a
Python object, and the parsed update expressions. moto changes only copies of the parsed expressions.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from moto.core import responses
from moto.core.serialize import ResponseSerializer, XFormedAttributePicker
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

from local.aws.core.patches import Patches

ATTRIBUTE_VALUE = "AttributeValue"

Serialize = Callable[[Any, Any, Any, Any, str], None]
GetPossibleKeys = Callable[[Any, Any], Iterable[str]]

_POSSIBLE_KEYS: dict[tuple[type, Any, str], tuple[str, ...]] = {}
"""Names by the object's class, the member's shape (botocore loads a service model once) and the member's name."""


def patch(patches: Patches) -> None:
    """Install the shortcuts."""
    patches.wrap(ResponseSerializer, "_serialize_type_structure", _serialize_present_member)
    patches.wrap(responses, "method_names_from_class", functools.cache)
    patches.wrap(UpdateExpressionParser, "make", functools.cache)
    patches.wrap(XFormedAttributePicker, "get_possible_keys", _cache_possible_keys)


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


def _cache_possible_keys(original: GetPossibleKeys) -> GetPossibleKeys:
    def get_possible_keys(picker: Any, context: Any) -> Iterable[str]:
        member = type(context.obj), context.shape, context.key
        keys = _POSSIBLE_KEYS.get(member)
        if keys is None:
            keys = _POSSIBLE_KEYS[member] = tuple(dict.fromkeys(original(picker, context)))
        return keys

    return get_possible_keys

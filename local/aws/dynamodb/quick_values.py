"""DynamoDB's answers without the detours of moto's serializer.

An attribute value is a union of ten members, of which each value has one. moto looks for all ten, under every name that
a Python object might give them: half the time of a desk's tests went there. A value that is in wire shape already is
asked only for what it has.
"""

from collections.abc import Callable
from typing import Any

from moto.core.serialize import ResponseSerializer

from local.aws.core.patches import Patches

UNION = "AttributeValue"

Serialize = Callable[[Any, Any, Any, Any, str], None]


def patch(patches: Patches) -> None:
    """Serialize attribute values by the members they have."""
    patches.wrap(ResponseSerializer, "_serialize_type_structure", _structure)


def _structure(original: Serialize) -> Serialize:
    def serialize(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name != UNION or not isinstance(value, dict) or not value.keys() <= shape.members.keys():
            original(serializer, serialized, value, shape, key)
            return
        wrapper = serializer.MAP_TYPE()
        for name, member in value.items():
            serializer._serialize(wrapper, member, shape.members[name], name)
        serializer._default_serialize(serialized, wrapper, shape, key)

    return serialize

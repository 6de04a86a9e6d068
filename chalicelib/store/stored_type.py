"""Store domain values as JSON texts.

botocore parses each member of a DynamoDB map on its own, which took most of the CPU time of a sweep. One text is parsed
at once, by pydantic. It is stored beside the attributes that serve keys, conditions and filters.
"""

import functools
from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class StoredType(Generic[T]):
    """The conversion between the values of one domain type and their JSON texts. `decode(encode(value))` is `value`.

    A text has no None, so each field that can be None has this default.

    The type adapter is built when it is first needed, because building it costs more than importing a module.
    """

    def __init__(self, value_type: type[T], *, former_names: Mapping[str, str] | None = None) -> None:
        """Convert values of this type, which is a dataclass.

        :param former_names: names of fields in texts that were written before a renaming, each with the present name
        """
        self.value_type = value_type
        self._former_keys = {f'"{former}":': f'"{name}":' for former, name in (former_names or {}).items()}

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self.value_type)

    def encode(self, value: T) -> str:
        """Return a value as a compact text, without None, and without `version`, which is an attribute of its own."""
        return self._adapter.dump_json(value, exclude_none=True, exclude={"version"}).decode()

    def decode(self, text: str) -> T:
        """Return the value of a text.

        :raises ValidationError: the text is no value of this type
        """
        for former, key in self._former_keys.items():
            # Within a string of JSON, quotes are escaped, so only a key matches.
            text = text.replace(former, key)
        return self._adapter.validate_json(text)

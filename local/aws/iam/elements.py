"""Elements of policies, in the forms that JSON can have."""

from typing import Any


def to_list(value: Any) -> list[Any]:
    """Return the values of an element. A single value needs no list in a policy."""
    return value if isinstance(value, list) else [value]

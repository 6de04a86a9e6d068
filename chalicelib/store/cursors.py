"""Where a list goes on: DynamoDB's last key, as a text that clients hand back."""

import base64
import binascii
import json
from typing import Any


class InvalidCursor(ValueError):
    """A cursor that this desk did not give."""


def encode_cursor(key: dict[str, Any] | None) -> str | None:
    """The text that stands for a key; None: the list is at its end."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode() if key else None


def decode_cursor(cursor: str | None, scope: tuple[str, str], *others: str) -> dict[str, Any] | None:
    """Where a list goes on; the key must be one of this very list.

    :param scope: the list's own hash key and its value
    :param others: what else the key consists of
    :raises BadCursor: it is not
    """
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        is_ours = set(key) == {scope[0], *others} and key[scope[0]] == {"S": scope[1]}
        is_whole = all(isinstance(value["S"], str) and value["S"] and len(value) == 1 for value in key.values())
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise InvalidCursor(cursor[:40]) from problem
    if not (is_ours and is_whole):
        raise InvalidCursor(cursor[:40])
    return dict(key)

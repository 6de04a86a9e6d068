"""Where a list goes on: DynamoDB's last key, as a text that clients hand back."""

import base64
import binascii
import json
from typing import Any


class BadCursor(ValueError):
    """A cursor that this desk did not give."""


def cursor_of(key: dict[str, Any] | None) -> str | None:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode() if key else None


def start_of(cursor: str | None, owner: str | None) -> dict[str, Any] | None:
    """Where a list goes on; the keys must be those of this very list."""
    if cursor is None:
        return None
    expected = {"id", "born", "owner" if owner else "desk"}
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        is_ours = set(key) == expected and all(isinstance(v["S"], str) and v["S"] and len(v) == 1 for v in key.values())
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        raise BadCursor(cursor[:40]) from problem
    scope = ("owner", owner) if owner else ("desk", "desk")
    if not is_ours or key[scope[0]]["S"] != scope[1]:
        raise BadCursor(cursor[:40])
    return dict(key)

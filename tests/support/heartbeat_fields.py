"""The fields of an encoded heartbeat, to read or replace them as the root user of an instance can."""

import json
from typing import Any

from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_FIELDS


def read_fields(text: str) -> dict[str, Any]:
    """Return the fields that an encoded heartbeat has."""
    named = zip(HEARTBEAT_FIELDS, json.loads(text), strict=True)
    return {name: value for name, value in named if value is not None}


def replace_fields(text: str, **replaced: Any) -> str:
    """Return an encoded heartbeat with other values of some fields."""
    fields = {**read_fields(text), **replaced}
    return json.dumps([fields.get(name) for name in HEARTBEAT_FIELDS], separators=(",", ":"))

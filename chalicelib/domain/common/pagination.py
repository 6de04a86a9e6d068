"""Pages and cursors of all lists of the API: of DynamoDB queries, and of lists that are built in memory.

A cursor holds the name of its list and a position in it. So a cursor of one list is invalid for every other list, also
for the same list of another owner.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from chalicelib.domain.common.errors import FieldError, ValidationFailed

T = TypeVar("T")

Position = Mapping[str, str]
"""A place in a list, as texts by name: for DynamoDB the key of the last item that was read."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list.

    :param next_cursor: requests the next page; None on the last one
    """

    items: tuple[T, ...]
    next_cursor: str | None


def build_list_name(resource: str, scope: str | None = None) -> str:
    """Return the name of a list as its cursors hold it.

    :param scope: whose list it is, such as an owner or an instance id; None for the list of everybody
    """
    return resource if scope is None else f"{resource}/{scope}"


def encode_cursor(name: str, position: Position) -> str:
    """Return the cursor of a position in the list `name`."""
    text = json.dumps([name, dict(position)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode_cursor(cursor: str, name: str, keys: set[str]) -> Position:
    """Return the position that a cursor holds.

    :param name: the list that is being read
    :param keys: the names of the texts that a position in this list consists of
    :raises ValidationFailed: the cursor is unreadable, or belongs to another list
    """
    try:
        found_name, position = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        is_valid = found_name == name and set(position) == keys
        is_valid = is_valid and all(isinstance(text, str) and text for text in position.values())
    except (binascii.Error, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise build_invalid_cursor_error() from error
    if not is_valid:
        raise build_invalid_cursor_error()
    return dict(position)


def build_invalid_cursor_error() -> ValidationFailed:
    """Return the error for a cursor that does not belong to the list."""
    error = FieldError("cursor", "must be the next_cursor of an earlier answer to the same list")
    return ValidationFailed("The cursor does not belong to this list. Start again without a cursor.", errors=(error,))

"""Pages of lists that are short enough to be made whole."""

import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

from chalicelib.api.common_schemas import PageQuery, PageView
from chalicelib.domain.common.errors import FieldError, ValidationFailed

T = TypeVar("T")


def paginate(items: Sequence[T], query: PageQuery, key: Callable[[T], str]) -> PageView[T]:
    """The part of the list that was asked for.

    :param key: tells items apart; the cursor is the last item's
    :raises Invalid: the cursor is no item's
    """
    cursors = [_cursor(key(item)) for item in items]
    if query.cursor is not None and query.cursor not in cursors:
        wrong = FieldError("cursor", "must be the next_cursor of an earlier answer to the same list")
        raise ValidationFailed("the cursor is not one of this list", errors=(wrong,))
    start = cursors.index(query.cursor) + 1 if query.cursor else 0
    end = start + query.limit
    return {"items": list(items[start:end]), "next_cursor": cursors[end - 1] if end < len(items) else None}


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()

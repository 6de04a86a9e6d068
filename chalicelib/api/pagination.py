"""Page views, and pages of lists that are short enough to be built completely in memory."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from chalicelib.api.common_views import PageView
from chalicelib.api.request_models import PageQuery
from chalicelib.domain.common.pagination import Page, build_invalid_cursor_error, decode_cursor, encode_cursor

T = TypeVar("T")
V = TypeVar("V")

AFTER = "after"
"""The only field of a cursor for a list in memory: the key of the last item of the previous page."""


def paginate(items: Sequence[T], query: PageQuery, name: str, key: Callable[[T], str]) -> Page[T]:
    """Return the page of a list that the query asks for.

    :param name: names the list in its cursors (`build_list_name`)
    :param key: returns a text that no other item of the list has
    :raises ValidationFailed: the cursor is not one of this list, or its item is no longer in the list
    """
    keys = [key(item) for item in items]
    start = 0
    if query.cursor is not None:
        position = decode_cursor(query.cursor, name, {AFTER})
        if position[AFTER] not in keys:
            raise build_invalid_cursor_error()
        start = keys.index(position[AFTER]) + 1
    end = start + query.limit
    next_cursor = encode_cursor(name, {AFTER: keys[end - 1]}) if end < len(items) else None
    return Page(tuple(items[start:end]), next_cursor)


def to_page_view(page: Page[T], convert: Callable[[T], V]) -> PageView[V]:
    """Return the view of a page.

    :param convert: returns the view of an item
    """
    return {"items": [convert(item) for item in page.items], "next_cursor": page.next_cursor}

"""Read the result of a DynamoDB query page by page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pynamodb.expressions.condition import Condition

from chalicelib.domain.common.pagination import Page, build_list_name, decode_cursor, encode_cursor
from chalicelib.store.dynamo import PARTITION

T = TypeVar("T")


@dataclass(frozen=True)
class PagedQuery:
    """A query that is read page by page.

    :param name: the name of the list in its cursors
    :param source: a model or an index
    :param hash_key: the attribute and the value that select the list
    :param position_keys: the other attributes of the key of an item
    :param newest_first: read in descending order
    """

    name: str
    source: Any
    hash_key: tuple[str, str]
    position_keys: tuple[str, ...]
    newest_first: bool = True

    def fetch(
        self, read: Callable[[Any], T | None], limit: int, cursor: str | None, filter_condition: Condition | None = None
    ) -> Page[T]:
        """Return one page.

        :param read: converts an item; items for which it returns None are left out
        :raises ValidationFailed: the cursor is not one of this list
        """
        results = self.source.query(
            self.hash_key[1],
            scan_index_forward=not self.newest_first,
            limit=limit,
            last_evaluated_key=self._build_start_key(cursor) if cursor is not None else None,
            filter_condition=filter_condition,
        )
        items = tuple(item for item in map(read, results) if item is not None)
        return Page(items, self._build_next_cursor(results.last_evaluated_key))

    def _build_start_key(self, cursor: str) -> dict[str, Any]:
        position = decode_cursor(cursor, self.name, set(self.position_keys))
        attribute, value = self.hash_key
        return {attribute: {"S": value}, **{name: {"S": text} for name, text in position.items()}}

    def _build_next_cursor(self, last_key: dict[str, Any] | None) -> str | None:
        return (
            encode_cursor(self.name, {name: last_key[name]["S"] for name in self.position_keys}) if last_key else None
        )


def build_list_query(name: str, model: Any, owner: str | None) -> PagedQuery:
    """Return the query of a list of instances or images, newest first.

    :param name: what the list contains ("instances"), for its cursors
    :param model: a model with the indexes `by_owner` and `by_creation`
    :param owner: only this owner's; None: those of all owners
    """
    keys = ("id", "created_key")
    if owner:
        return PagedQuery(build_list_name(name, owner), model.by_owner, ("owner", owner), keys)
    return PagedQuery(build_list_name(name), model.by_creation, ("partition", PARTITION), keys)

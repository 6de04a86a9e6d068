"""The error for an item that a request or the loop needs, and that cannot be read."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class UnreadableItem(ValueError):
    """The record in an item is no value of its type. Only a repair of the item helps.

    :ivar item_id: the key of the item
    :ivar owner: of the record, from an attribute beside it; None: unknown
    """

    def __init__(self, item_id: str, owner: str | None, cause: str) -> None:
        super().__init__(f"record {item_id} cannot be read: {cause}")
        self.item_id = item_id
        self.owner = owner


def read_or_raise(item_id: str, owner: str | None, read: Callable[[], T]) -> T:
    """Return what `read` returns.

    :raises UnreadableItem: it cannot read the item
    """
    try:
        return read()
    except (ValueError, TypeError) as error:
        raise UnreadableItem(item_id, owner, str(error)[:300]) from error

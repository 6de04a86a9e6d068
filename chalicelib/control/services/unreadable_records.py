"""Keep the existence of an unreadable record from callers who may not see it."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import NotFound
from chalicelib.store.unreadable_item import UnreadableItem


@contextmanager
def hide_unreadable(actor: Actor, not_found: NotFound) -> Iterator[None]:
    """Raise `not_found` instead of the error for an unreadable record that the caller may not see.

    :raises UnreadableItem: the caller may see the record
    """
    try:
        yield
    except UnreadableItem as error:
        if actor.can_access(error.owner or ""):
            raise
        raise not_found from error

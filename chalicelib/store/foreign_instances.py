"""The list of foreign instances: one compressed item of the desk table."""

import zlib

from chalicelib.domain.foreign.inventory import Inventory
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import find_item, read_or_log
from chalicelib.store.stored_type import StoredType

INVENTORY = StoredType(Inventory)
INVENTORY_KEY = "foreign#instances"


class ForeignInstanceRepository:
    """The item with the foreign instances."""

    def get(self) -> Inventory:
        """Return what was last stored; an empty inventory if nothing is, or if the item is unreadable."""
        item = find_item(DeskModel, INVENTORY_KEY, consistent=False)
        if item is None:
            return Inventory()
        return read_or_log(INVENTORY_KEY, lambda: decode(item.content)) or Inventory()

    def save(self, inventory: Inventory) -> None:
        """Replace what was stored. One function writes it, once a day."""
        DeskModel(INVENTORY_KEY, content=encode(inventory)).save()


def encode(inventory: Inventory) -> bytes:
    """Return the inventory as compressed JSON."""
    return zlib.compress(INVENTORY.encode(inventory).encode(), level=9)


def decode(content: bytes | None) -> Inventory:
    """Return the inventory of compressed JSON.

    :raises ValueError: the content is missing, not compressed, or no inventory
    """
    if content is None:
        raise ValueError("the item has no content")
    try:
        return INVENTORY.decode(zlib.decompress(content).decode())
    except zlib.error as error:
        raise ValueError(f"the content is not compressed: {error}") from error

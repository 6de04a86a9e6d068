"""The last reading of the catalog: one item of the offers table, beside those of the regions."""

from functools import partial

from chalicelib.domain.catalog.reading import CatalogReading
from chalicelib.store.catalog_codec import decode_reading, encode_reading
from chalicelib.store.dynamo import find_item, read_or_log
from chalicelib.store.offers import OfferModel

CATALOG_KEY = "catalog"
"""The key of the item. No region has this name."""


class CatalogRepository:
    """The item with the last reading. It has no time after which it is deleted."""

    def find(self) -> CatalogReading | None:
        """Return the last reading; None if nothing is stored or the item is unreadable, which is logged."""
        item = find_item(OfferModel, CATALOG_KEY, consistent=False)
        if item is None or item.catalog is None:
            return None
        return read_or_log("the catalog's refresh", partial(decode_reading, item.catalog))

    def save(self, reading: CatalogReading) -> None:
        """Replace the last reading. The last writer wins: each of them has added to what it has read before."""
        OfferModel(CATALOG_KEY, catalog=encode_reading(reading)).save()

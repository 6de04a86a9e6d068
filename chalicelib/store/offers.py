"""The offers table: three items for each region, so that one call reads all regions.

One item has the records of capacity (`capacity_codec.py`), one the requests to increase quotas (`quota_requests.py`).
The other one has what the refresh has read: the types with their zones and prices (`offer_lines.py`), quotas and
subnets. One more item has the catalog (`catalog.py`).
"""

from collections.abc import Iterable, Mapping
from functools import partial

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.expressions.update import Action

from chalicelib.domain.common.deadlines import OFFERS_RETENTION
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.store.capacity_codec import decode_capacity
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import read_or_log, update_if
from chalicelib.store.offer_lines import decode_types, encode_types
from chalicelib.store.quota_lines import format_quotas, parse_quotas

CAPACITY_PREFIX = "capacity#"
"""Begins the keys of the items with records of capacity."""


class OfferModel(TableModel):
    """The last reading of one region, its records of capacity, its quota requests, or the catalog.

    Quotas have a time of their own: they can be older.

    :cvar region: the region, `capacity#` or `quota_requests#` and the region, or `catalog`
    :cvar subnet_zones: zones with blanks between
    """

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "offers"

    region = UnicodeAttribute(hash_key=True)
    read_at = UTCDateTimeAttribute(null=True)
    types = BinaryAttribute(legacy_encoding=False, null=True)
    capacity = BinaryAttribute(legacy_encoding=False, null=True)
    version = NumberAttribute(null=True)
    quotas = UnicodeAttribute(null=True)
    quotas_read_at = UTCDateTimeAttribute(null=True)
    requests = UnicodeAttribute(null=True)
    subnet_zones = UnicodeAttribute(null=True)
    catalog = BinaryAttribute(legacy_encoding=False, null=True)
    expires_at = TTLAttribute(null=True)


class OfferRepository:
    """The offers table."""

    def save(self, offerings: RegionOfferings) -> None:
        """Replace what was read of a region before. The last writer wins: each of them has just read it.

        Quotas have a time of their own: newer ones stay, such as those that were read after a decision of AWS.
        """
        zones = _join_zones(offerings.subnet_zones)
        actions: list[Action] = [
            OfferModel.read_at.set(offerings.read_at),
            OfferModel.types.set(encode_types(offerings.region, offerings.types)),
            OfferModel.subnet_zones.remove() if zones is None else OfferModel.subnet_zones.set(zones),
            OfferModel.expires_at.set(offerings.read_at + OFFERS_RETENTION),
        ]
        OfferModel(offerings.region).update(actions=actions)
        if offerings.quotas:
            self.save_quotas(offerings.region, offerings.quotas)

    def save_quotas(self, region: str, reading: QuotaReading) -> None:
        """Replace older quotas of a region that has been read before. Its zones and prices stay."""
        actions = [OfferModel.quotas.set(format_quotas(reading)), OfferModel.quotas_read_at.set(reading.read_at)]
        is_newer = OfferModel.quotas_read_at.does_not_exist() | (OfferModel.quotas_read_at <= reading.read_at)
        update_if(OfferModel(region), actions, OfferModel.read_at.exists() & is_newer)

    def get_many(self, regions: Iterable[str]) -> Mapping[str, RegionOfferings]:
        """Return what was read of regions, by region, without unreadable items. DynamoDB is called once."""
        read = {item.region: read_offerings(item) for item in OfferModel.batch_get(list(regions))}
        return {region: offerings for region, offerings in read.items() if offerings}

    def get_many_with_capacity(
        self, regions: Iterable[str], *, is_consistent: bool = False
    ) -> tuple[Mapping[str, RegionOfferings], Mapping[str, RegionCapacity]]:
        """Return what was read of regions, and their records of capacity. DynamoDB is called once.

        :param is_consistent: a launch that was refused reads what the refusal has just added
        """
        keys = {build_capacity_key(region): region for region in regions}
        offerings, capacity = {}, {}
        for item in OfferModel.batch_get([*keys.values(), *keys], consistent_read=is_consistent):
            if item.region in keys:
                capacity[keys[item.region]] = read_capacity(item)
            elif reading := read_offerings(item):
                offerings[item.region] = reading
        return offerings, capacity


def build_capacity_key(region: str) -> str:
    """Return the key of the item with the records of capacity of a region."""
    return f"{CAPACITY_PREFIX}{region}"


def read_capacity(item: OfferModel | None) -> RegionCapacity:
    """Return the records of an item; none if there is no item or it is unreadable, which is logged."""
    if item is None:
        return RegionCapacity()
    return read_or_log(item.region, partial(decode_capacity, item.capacity)) or RegionCapacity()


def read_offerings(item: OfferModel) -> RegionOfferings | None:
    """Return what was read of a region; None: the item is unreadable, which is logged."""
    return read_or_log(f"offers of {item.region}", partial(_to_offerings, item))


def _to_offerings(item: OfferModel) -> RegionOfferings:
    return RegionOfferings(
        region=item.region,
        read_at=item.read_at,
        types=decode_types(item.region, item.types),
        quotas=parse_quotas(item.quotas, item.quotas_read_at) if item.quotas and item.quotas_read_at else None,
        subnet_zones=None if item.subnet_zones is None else frozenset(item.subnet_zones.split()),
    )


def _join_zones(zones: frozenset[str] | None) -> str | None:
    return None if zones is None else " ".join(sorted(zones))

"""Requests to increase quotas: one item of the offers table for each region, beside its zones, prices and quotas."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from pynamodb.transactions import TransactWrite

from chalicelib.domain.notifications.notification import Notification
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.quota_request import RegionQuotaRequests
from chalicelib.store.dynamo import commit, read_or_log
from chalicelib.store.notifications import add_notifications
from chalicelib.store.offers import OfferModel, read_offerings
from chalicelib.store.stored_type import StoredType

REQUESTS = StoredType(RegionQuotaRequests)

QUOTA_REQUEST_PREFIX = "quota_requests#"
"""Begins the keys of the items with requests to increase quotas."""


class QuotaRequestRepository:
    """The requests to increase quotas in the offers table."""

    def get_many(self, regions: Iterable[str]) -> Mapping[str, RegionQuotaRequests]:
        """Return the requests of each region; none for a region without an item. DynamoDB is called once.

        The read is consistent, so that a repeated request finds the first one.
        """
        regions_by_key = {build_request_key(region): region for region in regions}
        items = OfferModel.batch_get(list(regions_by_key), consistent_read=True)
        found = {regions_by_key[item.region]: to_requests(item) for item in items}
        return {region: found.get(region, RegionQuotaRequests()) for region in regions_by_key.values()}

    def get_many_with_offerings(
        self, regions: Iterable[str]
    ) -> tuple[Mapping[str, RegionOfferings], Mapping[str, RegionQuotaRequests]]:
        """Return what was read of regions, and their requests, each by region. DynamoDB is called once."""
        keys = {build_request_key(region): region for region in regions}
        offerings, requests = {}, {}
        for item in OfferModel.batch_get([*keys.values(), *keys]):
            if item.region in keys:
                requests[keys[item.region]] = to_requests(item)
            elif reading := read_offerings(item):
                offerings[item.region] = reading
        return offerings, requests

    def save(self, region: str, requests: RegionQuotaRequests, notifications: Iterable[Notification] = ()) -> None:
        """Write the requests of a region, and notifications about them, if the table still holds the version read.

        :raises VersionConflict: another writer was faster; read them again and decide again
        """
        version = requests.version
        guard = OfferModel.version == version if version is not None else OfferModel.version.does_not_exist()
        changed = OfferModel(build_request_key(region), requests=REQUESTS.encode(requests), version=(version or 0) + 1)

        def add_changes(changes: TransactWrite) -> None:
            changes.save(changed, condition=guard)
            add_notifications(changes, notifications)

        commit(f"the quota requests of {region}", add_changes)


def build_request_key(region: str) -> str:
    """Return the key of the item with the requests of a region."""
    return f"{QUOTA_REQUEST_PREFIX}{region}"


def to_requests(item: OfferModel) -> RegionQuotaRequests:
    """Return the requests of an item. An unreadable one is logged and has none, but its version guards the write."""
    read = read_or_log(item.region, partial(REQUESTS.decode, item.requests or "{}")) or RegionQuotaRequests()
    return replace(read, version=int(item.version) if item.version is not None else None)

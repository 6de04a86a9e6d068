"""Orders in which a launch tries zones: gpudesk's, and those of others."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from benchmarks.failover.worlds import START, ZONES, get_price
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.capacity_record import Result, add_result
from chalicelib.domain.offers.offer import Offer, Price, PriceSource
from chalicelib.domain.offers.try_order import order_tries

KARPENTER_MEMORY = timedelta(minutes=3)
"""https://github.com/aws/karpenter-provider-aws/blob/main/pkg/cache/cache.go (UnavailableOfferingsTTL)"""


class Policy(Protocol):
    """An order of zones, which may depend on earlier results."""

    def list_zones(self, now: datetime) -> Sequence[str]:
        """Return the zones of the next pass, in order."""
        ...

    def record(self, zone: str, now: datetime, *, is_launched: bool) -> None:
        """Take a result."""
        ...


class OneZone:
    """The cheapest zone until it works."""

    def list_zones(self, now: datetime) -> Sequence[str]:
        """Return one zone."""
        del now
        return ZONES[:1]

    def record(self, zone: str, now: datetime, *, is_launched: bool) -> None:
        """Remember nothing."""


class ShuffledZones(OneZone):
    """All zones in random order."""

    def __init__(self) -> None:
        """Begin with the same order in each run."""
        self._source = random.Random(0)

    def list_zones(self, now: datetime) -> Sequence[str]:
        """Return all zones in a new order."""
        del now
        return self._source.sample(ZONES, len(ZONES))


class CheapestFirst(OneZone):
    """All zones by price."""

    def list_zones(self, now: datetime) -> Sequence[str]:
        """Return all zones."""
        del now
        return sorted(ZONES, key=get_price)


class Karpenter:
    """All zones by price, without those that have refused in the last 3 minutes."""

    def __init__(self) -> None:
        """Begin without a memory."""
        self._refused_at: dict[str, datetime] = {}

    def list_zones(self, now: datetime) -> Sequence[str]:
        """Return the zones that have not refused a moment ago."""
        return [
            zone
            for zone in sorted(ZONES, key=get_price)
            if zone not in self._refused_at or now - self._refused_at[zone] >= KARPENTER_MEMORY
        ]

    def record(self, zone: str, now: datetime, *, is_launched: bool) -> None:
        """Remember a refusal."""
        if not is_launched:
            self._refused_at[zone] = now


class Gpudesk:
    """gpudesk's order, by the function that its launches call."""

    def __init__(self) -> None:
        """Begin without a memory."""
        self._offers: dict[str, Offer] = {zone: _build_offer(zone) for zone in ZONES}

    def list_zones(self, now: datetime) -> Sequence[str]:
        """Return the zones of a pass."""
        return [offer.zone for offer in order_tries(self._offers.values(), now)]

    def record(self, zone: str, now: datetime, *, is_launched: bool) -> None:
        """Add a result to the record of the zone."""
        result, offer = Result.LAUNCHED if is_launched else Result.REFUSED, self._offers[zone]
        self._offers[zone] = replace(offer, record=add_result(offer.record, result, now))


def _build_offer(zone: str) -> Offer:
    price = Price(usd_per_hour=Decimal(str(get_price(zone))), source=PriceSource.CATALOG, read_at=START)
    return Offer(instance_type="any", region=zone.rpartition("-")[0], zone=zone, market=Market.ON_DEMAND, price=price)


POLICIES: Mapping[str, type[Policy]] = {
    "one zone until it works": OneZone,
    "shuffled zones": ShuffledZones,
    "cheapest first": CheapestFirst,
    "Karpenter's memory": Karpenter,
    "gpudesk": Gpudesk,
}

"""Orders in which a launch tries zones: gpudesk's, and those of others."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from benchmarks.failover.worlds import ZONES, get_price
from chalicelib.domain.offers.capacity_record import CapacityRecord, Result, add_result
from chalicelib.domain.offers.likelihood import estimate_likelihood

KARPENTER_MEMORY = timedelta(minutes=3)
"""https://github.com/aws/karpenter-provider-aws/blob/main/pkg/cache/cache.go (UnavailableOfferingsTTL)"""

MAX_AVOIDED_TRIES = 2
"""Zones that are tried in a pass although they have refused a moment ago, so that no launch waits for the memory."""


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
    """gpudesk's order: zones that have not refused a moment ago, by price and likelihood; then a few of the others."""

    def __init__(self) -> None:
        """Begin without a memory."""
        self._records: dict[str, CapacityRecord] = {zone: CapacityRecord() for zone in ZONES}

    def list_zones(self, now: datetime) -> Sequence[str]:
        """Return the zones of a pass."""
        likelihoods = {zone: estimate_likelihood(record, now).value for zone, record in self._records.items()}
        ranked = sorted(ZONES, key=lambda zone: (get_price(zone), -likelihoods[zone]))
        avoided = [zone for zone in ranked if self._records[zone].is_avoided(now)]
        soon = sorted(avoided, key=lambda zone: (self._records[zone].avoided_until or now, zone))
        return [*(zone for zone in ranked if zone not in avoided), *soon[:MAX_AVOIDED_TRIES]]

    def record(self, zone: str, now: datetime, *, is_launched: bool) -> None:
        """Add a result to the record of the zone."""
        result = Result.LAUNCHED if is_launched else Result.REFUSED
        self._records[zone] = add_result(self._records[zone], result, now)


POLICIES: Mapping[str, type[Policy]] = {
    "one zone until it works": OneZone,
    "shuffled zones": ShuffledZones,
    "cheapest first": CheapestFirst,
    "Karpenter's memory": Karpenter,
    "gpudesk": Gpudesk,
}

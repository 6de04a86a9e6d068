"""Define what gpudesk remembers of capacity in a region: records of types, zones and markets, and the last answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.capacity_record import CapacityRecord, Result, add_result

MAX_ANSWER_IDS = 200
"""Ids of the last answers, of which none is counted again. An answer is repeated within minutes at most, and gpudesk
makes a few calls to a region per minute."""


class CapacityKey(NamedTuple):
    """The instance type, the zone and the market of a record of capacity."""

    instance_type: str
    zone: str
    market: Market


@dataclass(frozen=True, kw_only=True)
class CapacityAnswer:
    """An answer of EC2 that shows whether a zone has capacity.

    :param id: the same for the same answer to the same call
    :param result: LAUNCHED or REFUSED, of the zone of `key`
    :param hinted_zones: other zones that the text of a refusal names
    """

    id: str
    region: str
    key: CapacityKey
    result: Result
    at: datetime
    hinted_zones: tuple[str, ...] = ()


@dataclass(frozen=True)
class RegionCapacity:
    """The records of a region.

    :param answer_ids: ids of the last answers, the newest last
    """

    records: Mapping[CapacityKey, CapacityRecord] = field(default_factory=dict)
    answer_ids: tuple[str, ...] = ()

    def find_record(self, instance_type: str, zone: str, market: Market) -> CapacityRecord:
        """Return a record; an empty one if nothing is known."""
        return self.records.get(CapacityKey(instance_type, zone, market), CapacityRecord())


def add_answer(capacity: RegionCapacity, answer: CapacityAnswer) -> RegionCapacity:
    """Return the records with one more answer, which is the newest. An answer that was counted changes nothing."""
    if answer.id in capacity.answer_ids:
        return capacity
    key, records = answer.key, dict(capacity.records)
    hints = [(key._replace(zone=zone), Result.HINTED) for zone in answer.hinted_zones if zone != key.zone]
    for each, result in ((key, answer.result), *hints):
        records[each] = add_result(records.get(each, CapacityRecord()), result, answer.at)
    return RegionCapacity(records, (*capacity.answer_ids, answer.id)[-MAX_ANSWER_IDS:])

"""Records of capacity in the offers table: their form, their size, and writes at the same time."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.capacity_record import (
    HOURS_OF_WEEK,
    MAX_TRIED_HOURS,
    CapacityRecord,
    Result,
    Tally,
    TriedHour,
    replay,
)
from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.region_capacity import MAX_ANSWER_IDS, CapacityAnswer, CapacityKey, RegionCapacity
from chalicelib.store import capacity as capacity_store
from chalicelib.store.capacity import CapacityRepository
from chalicelib.store.capacity_codec import MAX_ITEM_BYTES, OTHER_BYTES, decode_capacity, encode_capacity
from chalicelib.store.dynamo import find_item
from chalicelib.store.offers import OfferModel, OfferRepository, build_capacity_key
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_reading

KEY = CapacityKey("g4dn.xlarge", "us-east-1a", Market.ON_DEMAND)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FULL_RECORD_BYTES = 6_200
"""A little more than the JSON of a record with a tally for each hour of the week."""


def build_answer(answer_id: str = "1", result: Result = Result.REFUSED, region: str = "us-east-1") -> CapacityAnswer:
    return CapacityAnswer(id=answer_id, region=region, key=KEY, result=result, at=NOW)


def build_full_record(hours_ago: int) -> CapacityRecord:
    """Return a record of the largest size, with its last result some hours ago."""
    at = NOW - hours_ago * HOUR
    tallies = {hour: Tally(12.345, 10.123, at) for hour in range(HOURS_OF_WEEK)}
    hours = tuple(TriedHour(at - number * HOUR, has_refusal=True) for number in range(MAX_TRIED_HOURS))
    return CapacityRecord(tallies, (Result.REFUSED,) * 10, 1_000, at, at, hours)


@given(st.lists(st.tuples(st.sampled_from(Result), st.integers(0, 90)), max_size=30))
def test_records_are_read_as_they_were_written_to_a_thousandth(results: list[tuple[Result, int]]) -> None:
    record = replay((result, NOW + index * minutes * MINUTE) for index, (result, minutes) in enumerate(results))
    stored = decode_capacity(encode_capacity(RegionCapacity({KEY: record}, ("a", "b"))))
    assert stored.answer_ids == ("a", "b")
    assert replace(stored.records[KEY], tallies={}) == replace(record, tallies={})
    assert stored.records[KEY].tallies.keys() == record.tallies.keys()
    for hour, tally in record.tallies.items():
        near = stored.records[KEY].tallies[hour]
        assert near.launched == pytest.approx(tally.launched, abs=0.0006)
        assert near.refused == pytest.approx(tally.refused, abs=0.0006)
        assert near.at == tally.at


def test_records_with_the_oldest_last_result_are_dropped_above_the_limit() -> None:
    records = {KEY._replace(zone=f"us-east-1{letter}"): build_full_record(ord(letter)) for letter in "cba"}
    stored = decode_capacity(encode_capacity(RegionCapacity(records), max_record_bytes=2 * FULL_RECORD_BYTES))
    assert [key.zone for key in stored.records] == ["us-east-1a", "us-east-1b"]
    assert len(decode_capacity(encode_capacity(RegionCapacity(records))).records) == 3


def test_largest_item_fits_into_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.store.capacity_codec.zlib.compress", lambda content, level: content)
    ids = tuple(f"{number:016x}" for number in range(MAX_ANSWER_IDS))
    records = {KEY._replace(instance_type=f"g{number}.48xlarge"): build_full_record(number) for number in range(100)}
    content = encode_capacity(RegionCapacity(records, ids))
    assert MAX_ITEM_BYTES - OTHER_BYTES - 10_000 < len(content) <= MAX_ITEM_BYTES - OTHER_BYTES


@pytest.mark.usefixtures("table")
def test_answer_is_counted_once_also_if_it_is_added_again() -> None:
    repository = CapacityRepository()
    for answer_id in ("1", "2", "2", "1"):
        repository.add(build_answer(answer_id, region="eu-west-1"))
    stored = repository.get("eu-west-1")
    assert stored.records[KEY].recent == (Result.REFUSED, Result.REFUSED)
    assert stored.records[KEY].last_refused_at == NOW


@pytest.mark.usefixtures("table")
def test_answer_of_another_writer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = CapacityRepository()
    others = [build_answer("2", Result.LAUNCHED, "eu-west-2"), build_answer("3", Result.LAUNCHED, "eu-west-2")]

    def read_before_another_writer(model: type[OfferModel], key: str) -> OfferModel | None:
        item = find_item(model, key)
        if others:
            other = others.pop()
            monkeypatch.setattr(capacity_store, "find_item", find_item)
            repository.add(other)
            monkeypatch.setattr(capacity_store, "find_item", read_before_another_writer)
        return item

    monkeypatch.setattr(capacity_store, "find_item", read_before_another_writer)
    repository.add(build_answer("1", region="eu-west-2"))
    monkeypatch.undo()
    assert repository.get("eu-west-2").records[KEY].recent == (Result.LAUNCHED, Result.LAUNCHED, Result.REFUSED)


@pytest.mark.usefixtures("table")
def test_answer_that_always_conflicts_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_store, "save_if", lambda item, guard: False)
    CapacityRepository().add(build_answer(region="eu-west-3"))
    assert CapacityRepository().get("eu-west-3") == RegionCapacity()


@pytest.mark.usefixtures("table")
def test_unreadable_records_are_none_and_are_replaced(caplog: pytest.LogCaptureFixture) -> None:
    repository = CapacityRepository()
    OfferModel(build_capacity_key("eu-south-1"), capacity=b"?", version=7).save()
    OfferModel(build_capacity_key("eu-south-2"), version=7).save()
    assert repository.get("eu-south-1") == repository.get("eu-south-2") == RegionCapacity()
    assert "capacity#eu-south-1 cannot be read" in caplog.text
    repository.add(build_answer(region="eu-south-1"))
    assert repository.get("eu-south-1").records[KEY].recent == (Result.REFUSED,)


@pytest.mark.usefixtures("table")
def test_offers_and_records_of_regions_are_read_together() -> None:
    reading = build_reading("us-east-1", g4dn_xlarge=TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-1a": None}))
    repository = OfferRepository()
    repository.save(reading)
    CapacityRepository().add(build_answer())
    CapacityRepository().add(build_answer(region="us-west-2"))
    offerings, capacity = repository.get_many_with_capacity(["us-east-1", "us-west-2", "ap-south-1"])
    assert offerings == {"us-east-1": reading} == repository.get_many(["us-east-1", "us-west-2"])
    assert {region: each.records[KEY].recent for region, each in capacity.items()} == {
        "us-east-1": (Result.REFUSED,),
        "us-west-2": (Result.REFUSED,),
    }

"""Items of the offers table: their form, their size, and what is unreadable."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.store.data_files import load_catalog
from chalicelib.store.offer_lines import decode_types, encode_types, format_types, parse_types
from chalicelib.store.offers import OfferModel, OfferRepository
from chalicelib.store.quota_lines import format_quotas, parse_quotas
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_reading

ROWS_TODAY = 2200
"""Pairs of a GPU type and a zone that AWS offers, in all regions."""

MAX_BYTES = 100_000

READ_AT = NOW.replace(second=0, microsecond=0)

PRICES = st.none() | st.decimals("0.0001", "999", places=6).filter(bool)
TYPES = st.dictionaries(
    st.sampled_from(sorted(load_catalog().types)),
    st.builds(
        lambda price, is_read, spot: TypeOffering(
            price,
            (READ_AT.date() if is_read else PRICED_ON) if price else None,
            spot,
            READ_AT if price and is_read else None,
        ),
        PRICES,
        st.booleans(),
        st.dictionaries(st.sampled_from("abcdef").map(lambda letter: f"eu-west-1{letter}"), PRICES),
    ),
)


@given(TYPES)
def test_types_are_read_as_they_were_written(types: dict[str, TypeOffering]) -> None:
    assert decode_types("eu-west-1", encode_types("eu-west-1", types)) == types


def test_type_is_one_short_line() -> None:
    spot = {"eu-west-1b": Decimal("0.160100"), "eu-west-1a": Decimal(10), "eu-west-1c": None}
    types = {"g4dn.xlarge": TypeOffering(Decimal("0.5260"), PRICED_ON, spot), "p4d.24xlarge": TypeOffering()}
    assert format_types("eu-west-1", types) == "g4dn.xlarge 0.526@2026-11-23 a10 b0.1601 c\np4d.24xlarge -"


def test_zone_of_another_region_is_rejected() -> None:
    with pytest.raises(ValueError, match="us-east-1a is not a zone of eu-west-1"):
        encode_types("eu-west-1", {"g4dn.xlarge": TypeOffering(None, None, {"us-east-1a": None})})


@pytest.mark.parametrize(
    "text",
    ["g4dn.xlarge", "g4dn.xlarge x@2026-11-23 a1", "g4dn.xlarge 1 a1", "g4dn.xlarge - A1", "g4dn.xlarge - a1.2.3"],
)
def test_text_in_another_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not |Invalid isoformat"):
        parse_types("eu-west-1", text)


def test_items_of_five_times_as_many_offers_as_today_are_under_100_kb() -> None:
    random, types, size, rows = Random(1), load_catalog().types, 0, 0
    for number in range(30):
        region = f"ap-southeast-{number}"
        offered = {
            name: TypeOffering(
                Decimal(random.randint(1_000, 9_999_999)) / 100_000,
                NOW.date(),
                {f"{region}{letter}": Decimal(random.randint(1_000, 99_999)) / 10_000 for letter in "abcd"},
                READ_AT - timedelta(minutes=random.randint(0, 5)),
            )
            for name in types
        }
        size, rows = size + len(encode_types(region, offered)), rows + len(offered) * 4
    assert rows >= 5 * ROWS_TODAY
    assert size < MAX_BYTES


@pytest.mark.usefixtures("table")
def test_reading_is_stored_and_an_unreadable_one_is_left_out() -> None:
    offering = TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-1a": None})
    reading = replace(build_reading("us-east-1", g4dn_xlarge=offering), subnet_zones=frozenset({"us-east-1a"}))
    repository = OfferRepository()
    repository.save(reading)
    OfferModel("us-east-2", read_at=NOW, types=b"?").save()
    assert repository.get_many(["us-east-1", "us-east-2", "us-west-2"]) == {"us-east-1": reading}
    assert repository.get_many([]) == {}


@pytest.mark.usefixtures("table")
def test_quotas_are_stored_with_their_own_time() -> None:
    quotas = QuotaReading(read_at=NOW - timedelta(hours=1), limits={"L-DB2E81BA": 64}, use={"L-DB2E81BA": 4})
    reading = replace(build_reading("eu-west-1"), quotas=quotas)
    repository = OfferRepository()
    repository.save(reading)
    assert repository.get_many(["eu-west-1"]) == {"eu-west-1": reading}


@pytest.mark.usefixtures("table")
def test_older_quotas_replace_no_newer_ones_and_the_rest_is_replaced() -> None:
    region, code = "eu-west-2", "L-DB2E81BA"
    old = replace(build_reading(region), quotas=QuotaReading(read_at=NOW, limits={code: 0}, use={code: 0}))
    decided = QuotaReading(read_at=NOW + timedelta(seconds=5), limits={code: 8}, use={code: 0})
    repository = OfferRepository()
    repository.save(old)
    repository.save_quotas(region, decided)
    later = replace(old, read_at=NOW + timedelta(minutes=1))
    repository.save(later)
    repository.save_quotas(region, QuotaReading(read_at=NOW, limits={code: 0}, use={code: 0}))
    assert repository.get_many([region]) == {region: replace(later, quotas=decided)}


def test_quota_is_one_line_and_unknown_values_stay_unknown() -> None:
    quotas = QuotaReading(
        read_at=NOW,
        limits={"L-DB2E81BA": 64, "L-417A185B": 0},
        use={"L-DB2E81BA": 4, "L-417A185B": None, "L-X": 2},
        foreign_use={"L-DB2E81BA": 1},
    )
    text = format_quotas(quotas)
    assert text == "L-417A185B 0 - -\nL-DB2E81BA 64 4 1\nL-X - 2 -"
    assert parse_quotas(text, NOW) == quotas


def test_quota_of_an_earlier_version_has_an_unknown_foreign_use() -> None:
    quotas = QuotaReading(read_at=NOW, limits={"L-DB2E81BA": 64}, use={"L-DB2E81BA": 4})
    assert parse_quotas("L-DB2E81BA 64 4", NOW) == quotas


@pytest.mark.parametrize("text", ["L-DB2E81BA", "L-DB2E81BA 4", "L-DB2E81BA 4 x", "L-DB2E81BA 4.0 1"])
def test_quota_in_another_form_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        parse_quotas(text, NOW)

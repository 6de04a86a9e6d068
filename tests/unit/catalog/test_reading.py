"""What the scheduled refresh has read, merged into the packaged catalog, and as it is stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalog.document import PRICE_LIST, build_catalog
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.quotas import QuotaCodes, find_quota_codes
from chalicelib.domain.catalog.reading import (
    CatalogReading,
    RegionOptIns,
    RegionTypes,
    TypePrices,
    add_region,
    keep_regions,
    merge_reading,
)
from chalicelib.domain.catalog.refresh import DescribedType
from chalicelib.store.catalog_codec import decode_reading, encode_reading
from chalicelib.store.data_files import load_catalog, load_catalog_document
from tests.unit.catalog.small_catalog import build_small_document
from tests.unit.catalog.test_refresh import describe

NOW = datetime(2027, 3, 1, 5, 30, tzinfo=UTC)
MAX_BYTES = 100_000
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
NAMES = ("x1.small", "x1.large", "old.large", "y2.small")


def read_prices(read_at: datetime = NOW, **usd: str) -> TypePrices:
    """Return prices by region, with `us_east_1=` for us-east-1."""
    by_region = {region.replace("_", "-"): Decimal(amount) for region, amount in usd.items()}
    return TypePrices(read_at=read_at, by_region=by_region)


def merge(**parts: Any) -> InstanceTypeCatalog:
    return build_catalog(merge_reading(build_small_document(), CatalogReading(**parts)))


def test_price_of_the_price_list_replaces_the_packaged_one_with_its_time() -> None:
    types = merge(prices={"x1.small": read_prices(us_east_1="1.4")}).types
    small, large = types["x1.small"], types["x1.large"]
    assert (small.prices, small.prices_read_at) == ({"us-east-1": Decimal("1.4")}, NOW)
    assert (small.priced_at, small.price_source) == (NOW.date(), PRICE_LIST)
    assert large == build_catalog(build_small_document()).types["x1.large"], "nobody has read its price"


def test_type_without_a_price_in_the_price_list_keeps_the_packaged_one() -> None:
    small = merge(prices={"x1.small": read_prices()}).types["x1.small"]
    assert (small.prices["us-east-1"], small.prices_read_at) == (Decimal("1.5"), None)


def test_release_with_newer_prices_uses_its_own() -> None:
    old = read_prices(datetime(2026, 11, 22, tzinfo=UTC), us_east_1="9")
    types = merge(types={"y2.small": describe("y2.small")}, prices={"x1.small": old, "y2.small": old}).types
    assert types["x1.small"].prices["us-east-1"] == Decimal("1.5")
    assert types["y2.small"].prices["us-east-1"] == Decimal(9), "the only price of a type that is not packaged"


def test_new_type_has_the_facts_of_aws_and_an_unknown_compute_capability() -> None:
    offered = RegionTypes(read_at=NOW, offered=("g9.xlarge", "q1.xlarge"))
    types = {"g9.xlarge": describe("g9.xlarge", "L9"), "q1.xlarge": describe("q1.xlarge", "Q1")}
    prices = {name: read_prices(us_east_1="0.9") for name in types}
    catalog = build_catalog(
        merge_reading(
            load_catalog_document(), CatalogReading(types=types, regions={"us-east-1": offered}, prices=prices)
        )
    )
    new = catalog.get_type("g9.xlarge")
    assert (new.vcpus, new.memory_mib, new.gpu, new.compute_capability) == (4, 16384, "L9", None)
    assert new.unavailable is None
    assert find_quota_codes("g9") == QuotaCodes("L-DB2E81BA", "L-3819A6DF")
    assert find_quota_codes("q1") == QuotaCodes(), "no source names the quota of such a series"


def test_empty_reading_is_the_packaged_catalog() -> None:
    assert build_catalog(merge_reading(load_catalog_document(), CatalogReading())) == load_catalog()


PRICE_READINGS = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        TypePrices,
        read_at=st.integers(-200, 9).map(lambda days: NOW + timedelta(days=days)),
        by_region=st.dictionaries(st.sampled_from(REGIONS), st.sampled_from([Decimal(1), Decimal("2.5")])),
    ),
)
REGION_READINGS = st.dictionaries(
    st.sampled_from(REGIONS),
    st.builds(RegionTypes, read_at=st.just(NOW), offered=st.lists(st.sampled_from(NAMES), unique=True).map(tuple)),
)
READINGS = st.builds(
    CatalogReading,
    types=st.dictionaries(st.sampled_from(NAMES), st.none()).map(
        lambda names: {name: describe(name) for name in names}
    ),
    regions=REGION_READINGS,
    prices=PRICE_READINGS,
    opt_ins=st.none() | st.just(RegionOptIns(read_at=NOW, statuses={"us-east-1": "opt-in-not-required"})),
)


@given(READINGS)
def test_no_reading_loses_a_packaged_type_or_its_last_price(reading: CatalogReading) -> None:
    before = build_catalog(build_small_document())
    after = build_catalog(merge_reading(build_small_document(), reading))
    for name, packaged in before.types.items():
        assert bool(after.types[name].prices) >= bool(packaged.prices)
    assert after.types.keys() == before.types.keys() | reading.types.keys()


@given(READINGS)
def test_stored_reading_is_read_as_it_was_written(reading: CatalogReading) -> None:
    assert decode_reading(encode_reading(reading)) == reading


@pytest.mark.parametrize("content", [b"?", encode_reading(CatalogReading())[:-6]])
def test_content_in_another_form_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="not in the form of this release"):
        decode_reading(content)


def test_region_that_is_read_again_replaces_its_types_and_keeps_descriptions() -> None:
    before = add_region(
        CatalogReading(), "us-east-1", RegionTypes(read_at=NOW, offered=("a",)), {"a": describe("x1.a")}
    )
    after = add_region(before, "us-east-1", RegionTypes(read_at=NOW, offered=("b",)), {"b": describe("x1.b")})
    assert (after.regions["us-east-1"].offered, sorted(after.types)) == (("b",), ["a", "b"])
    assert keep_regions(after, ("eu-west-1",)).regions == {}


def test_item_of_five_times_as_many_types_as_today_is_under_100_kb() -> None:
    random, types, prices = Random(1), dict[str, DescribedType](), dict[str, TypePrices]()
    packaged = load_catalog_document()
    for number in range(5):
        for _, facts in packaged.list_types():
            name = f"{facts.name}{number}"
            vcpus = random.randint(2, 400)
            types[name] = DescribedType(
                facts=replace(facts, name=name, vcpus=vcpus, memory_mib=vcpus * 1024 * random.randint(1, 16)),
                gpu_maker="NVIDIA",
                is_current_generation=True,
            )
            known = packaged.prices.get_prices(facts.name.partition(".")[0], facts.name)
            by_region = {region: Decimal(random.randint(1_000, 9_999_999)) / 10_000 for region in known}
            prices[name] = TypePrices(read_at=NOW + timedelta(minutes=random.randint(0, 5)), by_region=by_region)
    regions = {f"region-{number}": RegionTypes(read_at=NOW, offered=tuple(types)) for number in range(30)}
    opt_ins = RegionOptIns(read_at=NOW, statuses=dict.fromkeys(regions, "opted-in"))
    reading = CatalogReading(types=types, regions=regions, prices=prices, opt_ins=opt_ins)
    assert len(encode_reading(reading)) < MAX_BYTES

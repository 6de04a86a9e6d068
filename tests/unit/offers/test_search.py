"""Search of offers: what matches, and what is left out with which reason."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.offers.left_out import LeftOutCode
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.query import OfferQuery
from chalicelib.domain.offers.search import OfferResult, find_offers
from chalicelib.store.data_files import load_packaged_recipes
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_context, build_reading

VIRGINIA = build_reading(
    "us-east-1",
    g4dn_xlarge=TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-1a": Decimal("0.2"), "us-east-1b": None}),
    g5_xlarge=TypeOffering(Decimal("1.006"), PRICED_ON, {"us-east-1a": Decimal("0.4")}),
)
OHIO = build_reading("us-east-2", g4dn_xlarge=TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-2a": Decimal("0.1")}))
ONLY_T4: dict[str, Any] = {"gpus": ("T4",), "gpu_count": 1, "instance_type": "g4dn.xlarge"}


def search(context: OfferContext, **query: Any) -> OfferResult:
    return find_offers(OfferQuery(**query), context)


def list_offers(result: OfferResult) -> list[tuple[str, str, str | None]]:
    return [
        (ranked.offer.zone, ranked.offer.market, str(ranked.offer.price.usd_per_hour) if ranked.offer.price else None)
        for ranked in result.offers
    ]


def list_left_out(result: OfferResult) -> dict[LeftOutCode, list[tuple[str, tuple[str, ...]]]]:
    found: dict[LeftOutCode, list[tuple[str, tuple[str, ...]]]] = {}
    for group in result.left_out:
        found.setdefault(group.code, []).append((group.message, group.subjects))
    return found


def test_offers_of_all_deployed_regions_are_ranked_with_unknown_prices_last() -> None:
    result = search(build_context(VIRGINIA, OHIO), **ONLY_T4)
    assert list_offers(result) == [
        ("us-east-2a", "spot", "0.1"),
        ("us-east-1a", "spot", "0.2"),
        ("us-east-1a", "on-demand", "0.526"),
        ("us-east-1b", "on-demand", "0.526"),
        ("us-east-2a", "on-demand", "0.526"),
        ("us-east-1b", "spot", None),
    ]
    assert [ranked.offer.distance_km for ranked in result.offers][:2] == [485, 0]
    assert (result.as_of, result.stale_regions) == (NOW, ())


def test_region_and_market_restrict_the_offers() -> None:
    result = search(build_context(VIRGINIA, OHIO), **ONLY_T4, region="us-east-2", market=Market.ON_DEMAND)
    assert list_offers(result) == [("us-east-2a", "on-demand", "0.526")]
    assert result.left_out == ()


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ({}, {"g4dn.xlarge", "g5.xlarge"}),
        ({"gpus": ("A10G",)}, {"g5.xlarge"}),
        ({"min_gpu_memory_gib": 16}, {"g4dn.xlarge", "g5.xlarge"}),
        ({"min_gpu_memory_gib": 17}, {"g5.xlarge"}),
        ({"min_gpu_memory_gib": 23}, set()),
        ({"gpu_count": 4}, set()),
        ({"instance_type": "g4dn.xlarge", "gpus": ("A10G",)}, set()),
    ],
)
def test_query_selects_types(query: dict[str, Any], types: set[str]) -> None:
    result = search(build_context(VIRGINIA), **query)
    assert {ranked.offer.instance_type for ranked in result.offers} == types


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"gpus": ("T4",), "gpu_count": 3}, "No type with T4 has 3 GPUs. Choose 1, 4 or 8."),
        ({"gpu_count": 7, "gpus": ("T4", "L4")}, "No type with L4 or T4 has 7 GPUs. Choose 1, 4 or 8."),
        ({"min_gpu_memory_gib": 1000}, "No type has 1000 GiB of memory per GPU. The most is "),
        (
            {"gpus": ("T4",), "gpu_count": 4, "min_gpu_memory_gib": 17},
            "No type with T4 and 4 GPUs has 17 GiB of memory per GPU. The most is 16 GiB.",
        ),
        (
            {"instance_type": "g4dn.xlarge", "gpus": ("L4",)},
            "g4dn.xlarge does not match the other parameters: it has 1 x T4 with 16 GiB of memory each.",
        ),
        ({"instance_type": "t3.large", "gpu_count": 1}, "t3.large does not match the other parameters: it has no GPU."),
    ],
)
def test_search_that_no_type_can_match_says_why(query: dict[str, Any], message: str) -> None:
    result = search(build_context(VIRGINIA), **query)
    (group,) = result.left_out
    assert (result.offers, group.code) == ((), LeftOutCode.NO_MATCH)
    assert group.message.startswith(message)
    assert group.subjects


def test_type_without_gpu_is_found_by_its_name_only() -> None:
    reading = build_reading("us-east-1", t3_large=TypeOffering(Decimal("0.0832"), PRICED_ON, {"us-east-1a": None}))
    context = build_context(reading)
    assert list_offers(search(context, market=Market.ON_DEMAND)) == []
    by_name = search(context, instance_type="t3.large", market=Market.ON_DEMAND)
    assert list_offers(by_name) == [("us-east-1a", "on-demand", "0.0832")]


def test_region_without_the_type_is_left_out() -> None:
    result = search(build_context(VIRGINIA, OHIO), gpus=("A10G",), gpu_count=1, instance_type="g5.xlarge")
    assert list_left_out(result)[LeftOutCode.NOT_OFFERED] == [("us-east-2 does not offer this type.", ("g5.xlarge",))]


def test_type_that_no_zone_offers_is_left_out() -> None:
    reading = build_reading("us-east-1", g4dn_xlarge=TypeOffering(Decimal("0.526"), PRICED_ON, {}))
    result = search(build_context(reading), **ONLY_T4, region="us-east-1")
    assert [group.code for group in result.left_out] == [LeftOutCode.NOT_OFFERED]


def test_regions_that_cannot_be_used_are_left_out_with_their_reason() -> None:
    context = build_context(VIRGINIA, OHIO, regions=("eu-west-1",), limits=Limits(regions=("us-east-1", "eu-west-1")))
    result = search(context, **ONLY_T4)
    assert {ranked.offer.region for ranked in result.offers} == {"us-east-1"}
    left_out = list_left_out(result)
    assert left_out[LeftOutCode.REGION_NOT_ALLOWED] == [
        ("The limits of this desk do not allow this region.", ("us-east-2",))
    ]
    assert left_out[LeftOutCode.NOT_READ] == [
        ("The offers of this region have not been read yet. gpudesk tries every 5 minutes.", ("eu-west-1",))
    ]
    ((message, regions),) = left_out[LeftOutCode.NOT_DEPLOYED]
    assert message == "gpudesk is not deployed in this region."
    assert "eu-central-1" in regions
    assert {"us-east-1", "us-east-2", "eu-west-1"}.isdisjoint(regions)


def test_before_the_first_reading_there_are_no_offers_and_a_reason() -> None:
    result = search(build_context(regions=("us-east-1",)), **ONLY_T4, region="us-east-1")
    assert (result.offers, result.as_of) == ((), None)
    assert [(group.code, group.subjects) for group in result.left_out] == [(LeftOutCode.NOT_READ, ("us-east-1",))]


def test_types_that_the_recipe_does_not_support_are_left_out_by_gpu() -> None:
    recipe = load_packaged_recipes()["d2l-mxnet"]
    result = search(build_context(VIRGINIA), recipe=recipe, market=Market.ON_DEMAND)
    assert {ranked.offer.instance_type for ranked in result.offers} == {"g4dn.xlarge"}
    groups = list_left_out(result)[LeftOutCode.RECIPE_INCOMPATIBLE]
    (with_a10g,) = [(message, types) for message, types in groups if "A10G" in message]
    assert with_a10g[0] == (
        "Recipe d2l-mxnet cannot be used: A10G has compute capability 8.6, and the recipe requires 3.0 to 7.5 "
        "(CUDA 10.1)."
    )
    assert "g5.xlarge" in with_a10g[1]
    (on_arm,) = [(message, types) for message, types in groups if "arm64" in message]
    assert on_arm[0] == "Recipe d2l-mxnet cannot be used: this type is arm64, and the recipe supports x86_64."
    assert {"g5g.xlarge", "g5g.metal"} <= {*on_arm[1]}


def test_unavailable_type_says_why_and_several_say_how_to_find_out() -> None:
    one = search(build_context(VIRGINIA), instance_type="p2.xlarge")
    ((message, types),) = list_left_out(one)[LeftOutCode.TYPE_UNAVAILABLE]
    assert types == ("p2.xlarge",)
    assert message.startswith("AWS no longer offers p2.xlarge")
    several = search(build_context(VIRGINIA), gpus=("K80",))
    ((message, types),) = list_left_out(several)[LeftOutCode.TYPE_UNAVAILABLE]
    assert types == ("p2.16xlarge", "p2.8xlarge", "p2.xlarge")
    assert (
        message == "gpudesk cannot launch these types. To see why for one, send GET /offers?instance_type=p2.16xlarge."
    )


def test_type_that_aws_does_not_sell_on_the_spot_market_has_no_such_offer() -> None:
    context = build_context(VIRGINIA)
    t4 = replace(context.catalog.types["g4dn.xlarge"], usage_classes=("on-demand",))
    result = search(
        replace(context, catalog=replace(context.catalog, types={t4.name: t4})), **ONLY_T4, region="us-east-1"
    )
    assert {ranked.offer.market for ranked in result.offers} == {Market.ON_DEMAND}
    assert list_left_out(result) == {
        LeftOutCode.NOT_SOLD: [("AWS does not sell this type on the spot market.", ("g4dn.xlarge",))]
    }


def test_unknown_memory_of_a_gpu_does_not_match_and_unknown_markets_are_searched() -> None:
    context = build_context(VIRGINIA)
    t4 = replace(context.catalog.types["g4dn.xlarge"], gpu_memory_mib=None, usage_classes=None)
    context = replace(context, catalog=replace(context.catalog, types={t4.name: t4}))
    assert {ranked.offer.market for ranked in search(context).offers} == {*Market}
    assert search(context, min_gpu_memory_gib=1).offers == ()


def test_type_above_the_limit_of_gpus_is_left_out() -> None:
    result = search(build_context(VIRGINIA, limits=Limits(gpu_count=4)), gpus=("T4",))
    assert list_left_out(result)[LeftOutCode.GPU_LIMIT] == [
        ("The limit of this desk is 4 GPUs per instance.", ("g4dn.metal",))
    ]


def test_dearer_offers_and_unknown_prices_are_left_out_if_the_query_has_a_price() -> None:
    result = search(build_context(VIRGINIA), **ONLY_T4, region="us-east-1", max_price=Decimal("0.50"))
    assert list_offers(result) == [("us-east-1a", "spot", "0.2")]
    assert list_left_out(result) == {
        LeftOutCode.PRICE_TOO_HIGH: [("Costs more than $0.50 per hour.", ("g4dn.xlarge on-demand in us-east-1",))],
        LeftOutCode.PRICE_UNKNOWN: [
            (
                "The price is unknown, so it cannot be compared with max_price.",
                ("g4dn.xlarge spot in us-east-1",),
            )
        ],
    }


def test_offer_at_the_highest_price_is_kept() -> None:
    result = search(build_context(VIRGINIA), **ONLY_T4, market=Market.ON_DEMAND, max_price=Decimal("0.526"))
    assert len(result.offers) == 2

"""Regions with their GPUs, the nearest first."""

from decimal import Decimal

from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.places import PLACES
from chalicelib.domain.offers.region_summary import summarize_regions
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_context, build_reading

OHIO = build_reading(
    "us-east-2",
    g4dn_xlarge=TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-2a": None}),
    p2_xlarge=TypeOffering(Decimal("0.9"), PRICED_ON, {"us-east-2a": None}),
)


def test_regions_are_ordered_by_distance() -> None:
    summaries = summarize_regions(build_context(origin=PLACES["eu-west-1"]), None)
    assert [(each.region, each.place) for each in summaries][:3] == [
        ("eu-west-1", "Ireland"),
        ("eu-west-2", "London"),
        ("eu-west-3", "Paris"),
    ]
    distances = [each.distance_km for each in summaries if each.distance_km is not None]
    assert distances == sorted(distances)


def test_region_that_was_read_has_the_gpus_that_can_be_launched_and_another_those_with_a_price() -> None:
    context = build_context(OHIO, limits=Limits(regions=("us-east-1",)))
    by_region = {each.region: each for each in summarize_regions(context, None)}
    ohio, virginia, taipei = (by_region[region] for region in ("us-east-2", "us-east-1", "ap-east-2"))
    assert (ohio.gpus, ohio.read_at, ohio.is_deployed, ohio.is_allowed) == (("T4",), NOW, True, False)
    assert (virginia.read_at, virginia.is_deployed, virginia.is_allowed) == (None, False, True)
    assert "H100" in virginia.gpus
    assert taipei.gpus == ()


def test_gpu_restricts_the_regions() -> None:
    context = build_context(OHIO)
    regions = {each.region for each in summarize_regions(context, ("B300",))}
    with_b300 = context.catalog.types["p6-b300.48xlarge"]
    assert regions == {*with_b300.prices, *with_b300.unpriced_regions}
    assert "us-east-1" in regions

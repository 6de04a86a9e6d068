"""The offers that a launch tries, and their order."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import LaunchOffer, LaunchTry, TryResult
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import ImageRef
from chalicelib.domain.launch.next_offer import OfferChooser
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.region_capacity import CapacityKey, RegionCapacity
from tests.support.recipes import build_recipes
from tests.unit.instances.moving_simulation import start_move
from tests.unit.launch.failover_examples import build_launch, build_offering, build_region, list_next
from tests.unit.offers.offer_examples import MINUTE, NOW, build_context, record_results

HINT = "You can currently get g4dn.xlarge capacity by not specifying a zone or choosing us-east-1d, us-east-1c."


def build_tried(
    instance: Instance, zone: str, result: TryResult = TryResult.NO_CAPACITY, *, code: str = "", message: str = ""
) -> Instance:
    """Return the launch after a try of a g4dn.xlarge."""
    region = zone[:-1]
    offer = LaunchOffer(instance_type="g4dn.xlarge", region=region, zone=zone)
    tried = LaunchTry(offer=offer, result=result, at=NOW, code=code, message=message)
    return replace(instance, launch=replace(instance.launch, tries=(*instance.launch.tries, tried)))


def test_region_of_the_request_comes_first_and_then_the_cheapest() -> None:
    regions = (build_region("us-east-1"), build_region("us-west-2", "a", "0.50"), build_region("us-east-2", "a"))
    expected = ["us-east-1a", "us-east-1b", "us-west-2a", "us-east-2a"]
    assert list_next(build_launch(), build_context(*regions)) == [f"g4dn.xlarge {zone}" for zone in expected]


def test_offer_that_costs_more_than_the_maximum_is_left_out() -> None:
    bigger = build_offering("us-east-1", "a", "0.752")
    context = build_context(build_region("us-east-1", "a", g4dn_2xlarge=bigger), build_region("eu-west-1", "a", "0.66"))
    assert list_next(build_launch(), context) == ["g4dn.xlarge us-east-1a"], "0.6575 is the default maximum"
    assert list_next(build_launch(max_price=Decimal("0.8")), context) == [
        "g4dn.xlarge us-east-1a",
        "g4dn.xlarge eu-west-1a",
        "g4dn.2xlarge us-east-1a",
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"is_region_fixed": True}, ["g4dn.xlarge us-east-1a", "g4dn.2xlarge us-east-1a"]),
        ({"gpus": (), "gpu_count": None}, ["g4dn.xlarge us-east-1a", "g4dn.xlarge us-west-2a"]),
        ({"gpus": (), "gpu_count": None, "is_region_fixed": True}, ["g4dn.xlarge us-east-1a"]),
    ],
)
def test_what_the_request_names_is_never_left(choice: dict[str, object], expected: list[str]) -> None:
    same_price = build_offering("us-east-1", "a", "0.53")
    context = build_context(
        build_region("us-east-1", "a", g4dn_2xlarge=same_price), build_region("us-west-2", "a", "0.60")
    )
    assert list_next(build_launch(**choice), context) == expected


def test_only_the_markets_of_the_request_are_tried() -> None:
    context = build_context(build_region("us-east-1", "a"))
    both = build_launch(markets=(Market.SPOT, Market.ON_DEMAND))
    assert len(list_next(both, context)) == 2
    assert len(list_next(build_launch(markets=(Market.SPOT,)), context)) == 1


def test_zones_that_the_last_refusal_names_come_next() -> None:
    context = build_context(build_region("us-east-1", "abcd"))
    refused = build_tried(build_launch(), "us-east-1a", code="InsufficientInstanceCapacity", message=HINT)
    assert list_next(refused, context) == [f"g4dn.xlarge us-east-1{letter}" for letter in "dcb"]


def test_at_most_two_recently_refused_offers_are_tried_in_a_pass() -> None:
    refused = {
        CapacityKey("g4dn.xlarge", f"us-east-1{letter}", Market.ON_DEMAND): record_results(Result.REFUSED, at=at)
        for letter, at in zip("abc", (NOW - MINUTE, NOW - 2 * MINUTE, NOW), strict=True)
    }
    context = build_context(build_region("us-east-1", "abcd"), capacity={"us-east-1": RegionCapacity(refused)})
    assert list_next(build_launch(), context) == [f"g4dn.xlarge us-east-1{letter}" for letter in "dba"]


def test_quota_that_ec2_names_leaves_out_its_offers_in_that_region_only() -> None:
    context = build_context(build_region("us-east-1"), build_region("us-west-2", "a"))
    instance = build_tried(build_launch(), "us-east-1a", TryResult.QUOTA_EXCEEDED, code="VcpuLimitExceeded")
    assert list_next(instance, context) == ["g4dn.xlarge us-west-2a"]
    spot = build_launch(markets=(Market.ON_DEMAND, Market.SPOT))
    exceeded = build_tried(spot, "us-east-1a", TryResult.QUOTA_EXCEEDED, code="VcpuLimitExceeded")
    assert list_next(exceeded, context).count("g4dn.xlarge us-east-1b") == 1, "spot has a quota of its own"
    volumes = build_tried(spot, "us-east-1a", TryResult.QUOTA_EXCEEDED, code="VolumeLimitExceeded")
    assert not any("us-east-1" in each for each in list_next(volumes, context))


def test_region_that_is_left_out_is_not_tried() -> None:
    context = build_context(build_region("us-east-1"), build_region("us-west-2", "a"))
    instance = replace(build_launch(), launch=LaunchState(left_out_regions=("us-east-1",)))
    assert list_next(instance, context) == ["g4dn.xlarge us-west-2a"]


def test_limits_of_the_desk_apply_to_every_offer() -> None:
    context = build_context(
        build_region("us-east-1", "a"), build_region("us-west-2", "a"), limits=Limits(regions=("us-east-1",))
    )
    assert list_next(build_launch(), context) == ["g4dn.xlarge us-east-1a"]


def test_type_of_another_architecture_or_base_image_is_no_offer() -> None:
    arm = build_offering("us-east-1", "a", "0.42")
    context = build_context(build_region("us-east-1", "a", g5g_xlarge=arm))
    both = build_launch(gpus=("T4", "T4g"))
    assert list_next(both, context) == ["g4dn.xlarge us-east-1a"]


def test_type_with_the_driver_of_another_base_image_is_no_offer_for_an_image() -> None:
    newer = build_offering("us-east-1", "a", "0.53")
    context = build_context(build_region("us-east-1", "a", g7_2xlarge=newer))
    launch = build_launch(gpus=("T4", "RTX PRO 4500"), is_region_fixed=True)
    assert list_next(launch, context) == ["g4dn.xlarge us-east-1a", "g7.2xlarge us-east-1a"]
    software = replace(launch.spec.software, image=ImageRef(id="gi-1", name="vision-1", ami_id="ami-1"))
    captured = replace(launch, spec=replace(launch.spec, software=software))
    assert list_next(captured, context) == ["g4dn.xlarge us-east-1a"]


def test_record_without_a_choice_keeps_type_region_and_market() -> None:
    context = build_context(build_region("us-east-1", "a"), build_region("us-west-2", "a", "0.1"))
    instance = build_launch()
    fixed = replace(instance, spec=replace(instance.spec, launch_choice=None))
    assert list_next(fixed, context) == ["g4dn.xlarge us-east-1a"]


def test_launch_of_a_move_tries_spot_and_then_on_demand_in_the_zones_that_the_move_allows() -> None:
    _, simulation = start_move()
    instance = build_launch(gpus=(), gpu_count=None, is_region_fixed=True, markets=(Market.SPOT, Market.ON_DEMAND))
    moving = replace(instance, move=simulation.instance.move)
    context = build_context(build_region("us-east-1", "ab"))
    assert list_next(moving, context) == ["g4dn.xlarge us-east-1b"] * 2
    offers = OfferChooser(context, build_recipes()).list_offers(moving.spec)
    assert [offer.market for offer in OfferChooser(context, {}).order(moving, offers, ())] == [
        Market.SPOT,
        Market.ON_DEMAND,
    ]

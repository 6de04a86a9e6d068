"""Where an instance can move to, at which price, and with which documents."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings, Limits
from chalicelib.domain.instances.commands.request_move import request_move
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.launch_tries import LaunchTry, TryResult
from chalicelib.domain.instances.lifecycle.former_place import build_former_place, take_back
from chalicelib.domain.instances.lifecycle.move_launch import begin_launch
from chalicelib.domain.instances.move_choice import build_move_choice
from chalicelib.domain.instances.move_estimate import estimate_move
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import Interruption, SpotTerms
from chalicelib.domain.launch.move_target import MoveRequest, build_move_target, find_target_spot_price
from chalicelib.domain.launch.offer_choice import build_launch_choice
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.offers.size_change import SizeContext
from chalicelib.store.data_files import load_packaged_recipes
from tests.support.ready_instance import ADA, build_launch_attempt
from tests.unit.instances.moving_simulation import build_stopped_instance
from tests.unit.instances.simulation import CATALOG
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_reading

HERE, ZONE, OTHER = "us-east-1", "us-east-1a", "us-east-1b"
READING = build_reading(
    HERE,
    g4dn_xlarge=TypeOffering(
        Decimal("0.526"), PRICED_ON, {ZONE: Decimal("0.13"), OTHER: Decimal("0.27"), "us-east-1c": Decimal("0.31")}
    ),
    g4dn_2xlarge=TypeOffering(Decimal("0.752"), PRICED_ON, {ZONE: Decimal("0.2"), OTHER: Decimal("0.4")}),
    g4dn_4xlarge=TypeOffering(Decimal("1.204"), PRICED_ON, {ZONE: None}),
)


def build_spot_instance(*, max_price: str | None = None, can_fall_back: bool = True) -> Instance:
    """Return a stopped instance on spot.

    :param max_price: that of its launch request; None: the request had none
    """
    instance = build_stopped_instance()
    assert instance.ec2_instance is not None
    choice = LaunchChoice(
        instance_type="g4dn.xlarge",
        region=HERE,
        markets=(Market.SPOT, Market.ON_DEMAND),
        first_price=Decimal("0.4"),
        max_price=Decimal(max_price or "0.5"),
        is_max_price_requested=max_price is not None,
    )
    terms = SpotTerms(can_fall_back=can_fall_back)
    return replace(
        instance,
        spec=replace(instance.spec, market=Market.SPOT, spot=terms, launch_choice=choice),
        ec2_instance=replace(instance.ec2_instance, market=Market.SPOT, spot_instance_request_id="sir-1"),
    )


def build_target(instance: Instance, reading: RegionOfferings = READING, **request: str | None) -> MoveTarget:
    context = SizeContext(
        catalog=CATALOG,
        recipes=load_packaged_recipes(),
        limits=Limits(),
        offerings=reading,
        capacity=RegionCapacity(),
        quotas=CurrentQuotas(region=HERE, reading=None, records=[], types=CATALOG.types, now=NOW),
        now=NOW,
    )
    return build_move_target(instance, MoveRequest(**request), context, (HERE,))


def find_problem(instance: Instance, reading: RegionOfferings = READING, **request: str) -> str:
    with pytest.raises(ValidationFailed) as refused:
        build_target(instance, reading, **request)
    (error,) = refused.value.errors
    return f"{error.field} {error.message}"


@pytest.mark.parametrize(
    ("zone", "instance_type", "price"),
    [
        (None, "g4dn.xlarge", "0.27"),
        ("us-east-1c", "g4dn.xlarge", "0.31"),
        (None, "g4dn.2xlarge", "0.4"),
        (ZONE, "g4dn.2xlarge", "0.2"),
    ],
)
def test_price_on_spot_is_that_of_a_zone_that_the_move_can_reach(
    zone: str | None, instance_type: str, price: str
) -> None:
    instance = build_spot_instance()
    target = build_target(instance, zone=zone, instance_type=instance_type)
    found = find_target_spot_price(instance, target, READING)
    assert found == Decimal(price)
    estimate = estimate_move(instance, target, CATALOG, found)
    least = "" if zone else "at least "
    assert f"Afterwards, {instance_type} costs {least}${found:.3f} per hour while it runs." in estimate.text


def test_move_to_where_no_zone_is_left_is_refused_before_its_disk_is_copied() -> None:
    instance = build_stopped_instance()
    no_zone = "gpudesk can launch g4dn.4xlarge in no zone of us-east-1 besides us-east-1a, where n is"
    assert find_problem(instance, instance_type="g4dn.4xlarge") == f"instance_type {no_zone}"
    without_subnets = replace(READING, subnet_zones=frozenset({ZONE}))
    assert "in no zone of us-east-1 besides us-east-1a" in find_problem(instance, without_subnets)
    assert find_problem(instance, without_subnets, zone=OTHER) == "zone gpudesk has no subnet in us-east-1b"


def test_other_size_in_the_same_zone_is_a_start_unless_only_a_move_can_do_it() -> None:
    problem = find_problem(build_stopped_instance(), zone=ZONE, instance_type="g4dn.2xlarge")
    assert "send POST /instances/n/start with instance_type g4dn.2xlarge" in problem
    assert build_target(build_spot_instance(), zone=ZONE, instance_type="g4dn.2xlarge").zone == ZONE
    assert find_problem(build_spot_instance(), zone=ZONE) == "zone must be another zone: the disk is in us-east-1a"


def test_record_without_parameters_gets_the_defaults_of_its_recipes() -> None:
    instance = build_stopped_instance()
    software = replace(instance.spec.software, recipe="jupyter", parameters={})
    target = build_target(replace(instance, spec=replace(instance.spec, software=software)))
    assert "gpudesk-jupyter" in [document.name for document in target.documents]


@pytest.mark.parametrize(
    ("instance", "max_price"),
    [
        (build_spot_instance(), Decimal("0.752") * Decimal("1.25")),
        (build_spot_instance(max_price="0.6"), Decimal("0.6")),
        (build_spot_instance(can_fall_back=False), None),
        (build_stopped_instance(), None),
    ],
)
def test_move_falls_back_to_on_demand_as_the_launch_did(instance: Instance, max_price: Decimal | None) -> None:
    choice = build_move_choice(instance.spec, build_target(instance, instance_type="g4dn.2xlarge"))
    assert (choice.max_price if choice else None) == max_price
    if choice:
        assert choice.markets == (Market.SPOT, Market.ON_DEMAND)
        assert (choice.instance_type, choice.is_region_fixed) == ("g4dn.2xlarge", True)


@pytest.mark.parametrize("max_price", [Decimal("0.9"), None])
def test_launch_remembers_whether_its_request_had_a_maximum_price(max_price: Decimal | None) -> None:
    context = LaunchContext(
        catalog=CATALOG,
        recipes=load_packaged_recipes(),
        settings=DeskSettings(),
        owner_policy=PolicyOverride(),
        deployed_regions=(HERE,),
        now=NOW,
    )
    spec = build_stopped_instance().spec
    choice = build_launch_choice(LaunchRequest(max_price=max_price), spec, context, None)
    assert choice.is_max_price_requested is (max_price is not None)


def test_launch_at_the_target_has_the_choice_of_the_move() -> None:
    instance = build_spot_instance()
    target = build_target(instance)
    command = request_move(instance, "move-1", target, ADA, NOW)
    assert command.instance.move is not None
    launching = begin_launch(command.instance, command.instance.move, NOW).instance
    assert launching.spec.launch_choice == build_move_choice(instance.spec, target)


def test_estimate_says_whether_spot_falls_back() -> None:
    def describe(instance: Instance) -> str:
        target = build_target(instance)
        return estimate_move(instance, target, CATALOG, Decimal("0.27")).text

    assert "If spot has no capacity there, it is launched on-demand for $0.526 per hour." in describe(
        build_spot_instance()
    )
    assert "on spot only: on-demand costs $0.526 per hour, and max_price is $0.300." in describe(
        build_spot_instance(max_price="0.3")
    )
    assert "on-demand" not in describe(build_spot_instance(can_fall_back=False))
    assert find_problem(build_spot_instance(max_price="0.2")) == (
        "region g4dn.xlarge costs at least $0.270 per hour there, and max_price of n is $0.200"
    )


def test_estimate_warns_that_ec2_can_return_an_interrupted_instance() -> None:
    instance = build_spot_instance()
    observed = replace(instance.observed, interruption=Interruption(interrupted_at=NOW))
    warning = "EC2 has interrupted n and can start it again where it is."
    target = build_target(instance)
    assert warning not in estimate_move(instance, target, CATALOG).text
    assert warning in estimate_move(replace(instance, observed=observed), target, CATALOG).text


def test_failed_move_takes_back_the_market_and_the_launch() -> None:
    before, offer = build_spot_instance(max_price="0.6"), build_launch_attempt().offer
    tried = LaunchTry(offer=offer, result=TryResult.LAUNCHED, at=NOW)
    before = replace(before, launch=replace(before.launch, tries=(tried,)))
    spec = replace(before.spec, market=Market.ON_DEMAND, launch_choice=None)
    moving = replace(before, spec=spec, launch=LaunchState(next_offer=offer))
    after = take_back(moving, build_former_place(before), before.reason, NOW)
    assert (after.spec.market, after.spec.launch_choice) == (Market.SPOT, before.spec.launch_choice)
    assert (after.launch.tries, after.launch.next_offer) == ((tried,), None)

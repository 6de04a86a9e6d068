"""What a launch on spot with on-demand as the fallback is compared with, and whether it can fall back."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.money import format_exact_usd
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.spot import SpotTerms
from chalicelib.domain.launch.fallback_warning import find_fallback_warning
from chalicelib.domain.launch.offer_choice import build_launch_choice, check_offer_choice
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import TypeChoice
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import START
from tests.unit.launch.failover_examples import FIRST_PRICE, build_launch

CONTEXT = LaunchContext(
    catalog=load_catalog(),
    recipes={},
    settings=DeskSettings(),
    owner_policy=PolicyOverride(),
    deployed_regions=("us-east-1", "us-west-2"),
    now=START,
)


def build_choice(market: Market, *, can_fall_back: bool = False) -> LaunchChoice:
    spec = replace(build_launch().spec, market=market, spot=SpotTerms(can_fall_back=can_fall_back))
    return build_launch_choice(LaunchRequest(gpu="T4", region="us-east-1"), spec, CONTEXT, None)


@pytest.mark.parametrize(
    ("choice", "first_price", "max_price"),
    [
        (build_choice(Market.ON_DEMAND), FIRST_PRICE, FIRST_PRICE * Decimal("1.25")),
        (build_choice(Market.SPOT, can_fall_back=True), None, FIRST_PRICE * Decimal("1.25")),
        (build_choice(Market.SPOT), None, None),
    ],
    ids=["on-demand", "spot-or-on-demand", "spot"],
)
def test_first_price_is_that_of_the_first_offer_and_a_fallback_has_a_maximum_at_once(
    choice: LaunchChoice, first_price: Decimal | None, max_price: Decimal | None
) -> None:
    assert (choice.first_price, choice.max_price) == (first_price, max_price)


@pytest.mark.parametrize(
    ("max_price", "is_type_fixed", "is_warned"),
    [("0.30", False, True), ("0.526", False, False), ("0.30", True, True), ("0.60", True, False)],
)
def test_maximum_price_that_rules_out_the_fallback_is_warned_of(
    max_price: str, is_type_fixed: bool, is_warned: bool
) -> None:
    choice = build_choice(Market.SPOT, can_fall_back=True)
    named = replace(choice, gpus=(), gpu_count=None) if is_type_fixed else choice
    warning = find_fallback_warning(replace(named, max_price=Decimal(max_price)), CONTEXT)
    assert (warning is not None) is is_warned
    assert warning is None or "send a max_price of at least $0.526." in warning.message


def test_launch_without_a_fallback_is_not_warned() -> None:
    assert find_fallback_warning(replace(build_choice(Market.SPOT), max_price=Decimal("0.1")), CONTEXT) is None


def test_refused_maximum_price_names_a_price_that_is_accepted() -> None:
    context = replace(CONTEXT, find_spot_price=lambda _region, _type: Decimal("0.1473"))
    item = TypeChoice("us-east-1", context.catalog.get_type("g4dn.xlarge"))
    request = LaunchRequest(instance_type="g4dn.xlarge", region="us-east-1", market="spot", max_price=Decimal("0.147"))
    (error,) = check_offer_choice(request, context, item)
    assert "must be at least $0.1473, the lowest known price" in error.message
    assert not [*check_offer_choice(replace(request, max_price=Decimal("0.1473")), context, item)]


@pytest.mark.parametrize(
    ("amount", "text"), [("0.1473", "$0.1473"), ("0.5260", "$0.526"), ("2", "$2.000"), ("1E+1", "$10.000")]
)
def test_exact_amount_is_not_rounded(amount: str, text: str) -> None:
    assert format_exact_usd(Decimal(amount)) == text

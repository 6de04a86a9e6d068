"""The estimate of a move: its time and costs, and what is unknown."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from chalicelib.api.instances.move_views import to_estimate_view
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.move_estimate import estimate_move
from chalicelib.domain.instances.move_state import MoveTarget
from tests.unit.instances.simulation import CATALOG, build_instance


def build_target(region: str) -> MoveTarget:
    return MoveTarget(region=region, hardware=build_hardware("g4dn.xlarge", CATALOG))


def test_copy_to_another_region_takes_longer_and_costs_its_transfer() -> None:
    here = estimate_move(build_instance(), build_target("us-east-1"), CATALOG)
    spot = replace(build_instance(), spec=replace(build_instance().spec, market=Market.SPOT))
    assert estimate_move(spot, build_target("us-east-1"), CATALOG, Decimal("0.15")).price_per_hour == Decimal("0.15")
    there = estimate_move(build_instance(), build_target("us-west-2"), CATALOG)
    assert here.transfer_cost == 0
    assert there.transfer_cost == Decimal("1.28")
    assert here.duration is not None
    assert there.duration == here.duration + timedelta(minutes=64 / 5)
    assert there.storage_cost is not None
    assert here.storage_cost is not None
    assert there.storage_cost > here.storage_cost > 0
    assert "The copy to us-west-2 costs at most $1.280." in there.text


def test_unknown_price_or_size_is_said_and_not_guessed() -> None:
    instance = build_instance()
    far = replace(instance, spec=replace(instance.spec, region="ap-northeast-2"))
    assert estimate_move(far, build_target("us-west-2"), CATALOG).transfer_cost is None
    adopted = replace(instance, spec=replace(instance.spec, disk_gib=None))
    unknown = estimate_move(adopted, build_target("us-west-2"), CATALOG)
    assert (unknown.duration, unknown.storage_cost) == (None, None)
    assert "does not know the size" in unknown.text


def test_minutes_of_the_estimate_are_those_of_its_text() -> None:
    estimate = estimate_move(build_instance(), build_target("us-east-1"), CATALOG)
    assert estimate.duration is not None
    assert f"{to_estimate_view(estimate)['expected_minutes']} min" == format_duration(estimate.duration)

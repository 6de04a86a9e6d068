"""What a request starts, and at which price: the check of budgets uses it."""

from dataclasses import replace
from decimal import Decimal

from chalicelib.domain.costs.budgets import compute_reservation
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.commands.request_move import request_move
from chalicelib.domain.instances.commands.start_options import StartOptions
from chalicelib.domain.instances.commands.stop_start import request_start
from chalicelib.domain.instances.expected_run import build_expected_run
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import ADA
from tests.unit.instances.moving_simulation import build_stopped_instance
from tests.unit.instances.simulation import CATALOG, get_time

PRESENT, DEARER = Rates(instance=Decimal("0.5")), Rates(instance=Decimal("0.8"))
STOPPED = replace(build_stopped_instance(), billing=Billing(rates=PRESENT))


def get_price(before: Instance, after: Instance) -> Decimal | None:
    expected = build_expected_run(before, after)
    assert expected is not None
    assert expected.spec.desired is DesiredState.RUNNING
    return expected.billing.rates.instance


def test_start_counts_at_the_present_price_and_another_type_at_its_own() -> None:
    started = request_start(STOPPED, ADA, get_time(0)).instance
    assert get_price(STOPPED, started) == Decimal("0.5")
    larger = StartOptions(instance_type="g4dn.2xlarge", rates=DEARER)
    assert get_price(STOPPED, request_start(STOPPED, ADA, get_time(0), larger).instance) == Decimal("0.8")
    assert get_price(started, request_start(started, ADA, get_time(1), larger).instance) == Decimal("0.8")


def test_move_counts_at_the_price_of_its_target() -> None:
    target = MoveTarget(region="us-west-2", hardware=build_hardware("g4dn.2xlarge", CATALOG), rates=DEARER)
    assert get_price(STOPPED, request_move(STOPPED, "move-1", target, ADA, get_time(0)).instance) == Decimal("0.8")


def test_request_that_starts_nothing_counts_nothing() -> None:
    started = request_start(STOPPED, ADA, get_time(0)).instance
    waits = request_start(started, ADA, get_time(1), StartOptions(wait_until=get_time(60))).instance
    assert build_expected_run(started, waits) is None
    assert build_expected_run(STOPPED, STOPPED) is None


def test_move_and_larger_size_stay_reserved_until_they_run() -> None:
    target = MoveTarget(region="us-west-2", hardware=build_hardware("g4dn.2xlarge", CATALOG), rates=DEARER)
    moving = request_move(STOPPED, "move-1", target, ADA, get_time(0)).instance
    larger = StartOptions(instance_type="g4dn.2xlarge", rates=DEARER)
    starting = request_start(STOPPED, ADA, get_time(0), larger).instance
    hours = STOPPED.spec.policy.max_hours
    for waiting in (moving, starting):
        assert compute_reservation(waiting, get_time(60)) == Decimal("0.8") * hours

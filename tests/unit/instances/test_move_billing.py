"""Both disks of a move are billed until the former one is gone."""

from decimal import Decimal

from chalicelib.domain.common.aws_errors import TransientAwsError
from chalicelib.domain.instances.billing import BillingState
from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.plan import Launch
from tests.unit.instances.moving_simulation import THERE, run_until_moved, set_rates, start_move


def test_former_disk_is_billed_while_nothing_is_launched() -> None:
    aws, simulation = start_move(THERE)
    set_rates(simulation)
    aws.faults[Launch] = TransientAwsError("RequestLimitExceeded", "Too many requests.")
    states = set()
    for minute in range(1, 12):
        simulation.decide(minute)
        states.add(simulation.instance.billing.meter.state)
    assert simulation.instance.is_launching_for_move
    assert states == {BillingState.STOPPED}


def test_disk_that_is_billed_twice_counts_twice_until_the_former_one_is_gone() -> None:
    _, simulation = start_move()
    set_rates(simulation)
    simulation.run_minutes(1, 2)
    assert simulation.instance.move is not None
    assert simulation.instance.move.step is MoveStep.LAUNCH
    assert simulation.instance.billing.rates.disk == Decimal("0.02")
    run_until_moved(simulation)
    assert simulation.instance.billing.rates.disk == Decimal("0.01")


def test_price_of_a_moved_instance_is_without_its_former_disk() -> None:
    _, simulation = start_move(THERE)
    set_rates(simulation)
    run_until_moved(simulation)
    assert "It costs $1.010 per hour." in simulation.instance.reason.message

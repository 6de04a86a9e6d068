"""A simulation of a move, over several EC2 instances of one record."""

from dataclasses import dataclass, replace
from decimal import Decimal

from typing_extensions import override

from chalicelib.domain.common.aws_errors import TransientAwsError
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.commands.request_move import request_move
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.plan import Launch, Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import ADA
from tests.unit.instances.moving_aws import MovingAws
from tests.unit.instances.simulation import CATALOG, DOCUMENTS, Simulation, build_instance, get_time

HERE, THERE = "us-east-1", "us-west-2"


@dataclass
class MovingSimulation(Simulation):
    """A simulation whose AWS knows the record, because it has several EC2 instances."""

    @override
    def decide(self, minute: float, report: DecodedHeartbeat = None) -> Plan:
        plan = super().decide(minute, report)
        self.show()
        return plan

    @override
    def _write(self, plan: Plan) -> None:
        super()._write(plan)
        self.show()

    def show(self) -> None:
        """Show the record to AWS, after a change that was not made by a decision."""
        assert isinstance(self.aws, MovingAws)
        self.aws.instance = self.instance


def build_stopped_instance() -> Instance:
    instance = build_instance()
    assert instance.ec2_instance is not None
    return replace(
        instance,
        phase=Phase.STOPPED,
        ready_since=None,
        ec2_instance=replace(instance.ec2_instance, state=Ec2State.STOPPED),
        spec=replace(instance.spec, desired=DesiredState.STOPPED),
    )


def start_move(region: str = HERE, instance_type: str = "g4dn.xlarge") -> tuple[MovingAws, MovingSimulation]:
    """Return a stopped instance whose move is requested in minute 0."""
    hardware = build_hardware(instance_type, CATALOG)
    target = MoveTarget(region=region, hardware=hardware, documents=DOCUMENTS)
    before = replace(build_stopped_instance(), tagged_id="gd-copied")
    aws = MovingAws(instance=before)
    simulation = MovingSimulation(before, aws=aws)
    simulation.apply_change(request_move(before, "move-1", target, ADA, get_time(0)))
    aws.instance = simulation.instance
    return aws, simulation


def run_until_moved(simulation: MovingSimulation, minutes: int = 40) -> None:
    """Decide each minute until nothing is left of the move, however it ended."""
    for minute in range(1, minutes):
        simulation.decide(minute)
        if simulation.instance.move is None:
            return
    raise AssertionError(f"{simulation.instance.move} after {minutes} minutes: {simulation.timeline}")


def run_until_sent(simulation: MovingSimulation) -> tuple[Instance, Launch]:
    """Return a record whose launch at the target was called first in minute 2 or 3, and last in minute 14."""
    assert isinstance(simulation.aws, MovingAws)
    simulation.aws.faults[Launch] = TransientAwsError("RequestLimitExceeded", "Too many requests.")
    for minute in (1, 2, 3, 14):
        simulation.decide(minute)
    attempt = simulation.instance.launch.attempt
    assert attempt is not None
    assert attempt.sent_at is not None
    assert attempt.sent_at <= get_time(3)
    assert attempt.last_called_at == get_time(14)
    return simulation.instance, Launch(attempt, is_first_call=False)


def set_rates(simulation: MovingSimulation) -> None:
    """Set the price of both disks to 0.01 USD per hour, and that of the instance to 1 USD."""
    rates, before = Rates(instance=Decimal(1), disk=Decimal("0.01")), simulation.instance
    assert before.move is not None
    move = replace(before.move, target=replace(before.move.target, rates=rates))
    simulation.instance = replace(before, move=move, billing=replace(before.billing, rates=rates))
    simulation.show()

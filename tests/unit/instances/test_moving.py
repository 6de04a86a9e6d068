"""A move copies the disk, launches from it, and keeps the former EC2 instance until the new one is ready."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from typing_extensions import override

from chalicelib.domain.common.aws_errors import InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.deadlines import MOVE_IMAGE_DEADLINE, MOVE_LAUNCH_DEADLINE
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.instances.billing import BillingState
from chalicelib.domain.instances.commands.request_move import cancel_move, request_move
from chalicelib.domain.instances.commands.stop_start import request_start, request_termination
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.move_state import MoveStep, MoveTarget
from chalicelib.domain.instances.plan import Launch, MoveCall, Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import ADA, INSTANCE_ID, MINUTE
from tests.unit.instances.moving_aws import NEW_ID, MovingAws
from tests.unit.instances.simulation import CATALOG, DOCUMENTS, Simulation, build_instance, get_time

HERE, THERE = "us-east-1", "us-west-2"


@dataclass
class MovingSimulation(Simulation):
    """A simulation whose AWS knows the record, because it has several EC2 instances."""

    @override
    def decide(self, minute: float, report: DecodedHeartbeat = None) -> Plan:
        plan = super().decide(minute, report)
        self._show()
        return plan

    @override
    def _write(self, plan: Plan) -> None:
        super()._write(plan)
        self._show()

    def _show(self) -> None:
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
    for minute in range(1, minutes):
        simulation.decide(minute)
        if simulation.instance.move is None:
            return
    raise AssertionError(f"{simulation.instance.move} after {minutes} minutes: {simulation.timeline}")


@pytest.mark.parametrize(
    ("region", "calls"),
    [
        (HERE, [MoveCall.CREATE_IMAGE, MoveCall.TERMINATE, MoveCall.DELETE_IMAGES]),
        (THERE, [MoveCall.CREATE_IMAGE, MoveCall.COPY_IMAGE, MoveCall.TERMINATE, MoveCall.DELETE_IMAGES]),
    ],
)
def test_moved_instance_is_ready_and_nothing_of_the_move_is_left(region: str, calls: list[MoveCall]) -> None:
    aws, simulation = start_move(region, "g4dn.2xlarge")
    before = simulation.instance
    run_until_moved(simulation)
    after = simulation.instance
    assert aws.calls == calls
    assert (after.id, after.name, after.phase, after.spec.region) == (before.id, before.name, Phase.READY, region)
    assert after.spec.hardware.instance_type == "g4dn.2xlarge"
    assert after.tag_id == after.id, "the launch has tagged it with the id of the record"
    assert after.ec2_instance is not None
    assert after.ec2_instance.instance_id == NEW_ID
    assert aws.states == {INSTANCE_ID: Ec2State.TERMINATED, NEW_ID: Ec2State.RUNNING}
    assert aws.images == set()
    assert simulation.count_entries(EventCode.MOVED) == 1


def test_former_instance_lives_until_the_new_one_is_ready() -> None:
    aws, simulation = start_move()
    for minute in range(1, 30):
        simulation.decide(minute)
        if simulation.instance.phase is not Phase.READY:
            assert aws.states[INSTANCE_ID] is Ec2State.STOPPED
    assert aws.states[INSTANCE_ID] is Ec2State.TERMINATED


def test_image_that_cannot_be_created_leaves_the_instance_where_it_was() -> None:
    aws, simulation = start_move()
    aws.refusals[MoveCall.CREATE_IMAGE] = PermanentAwsError("OperationNotPermitted", "Not this disk.")
    run_until_moved(simulation)
    assert (simulation.instance.phase, simulation.instance.spec.region) == (Phase.STOPPED, HERE)
    (message,) = simulation.list_messages(EventCode.MOVE_FAILED)
    assert "AWS refused to create the image: Not this disk (OperationNotPermitted)." in message


@pytest.mark.parametrize("state", ["failed", "error"])
def test_failed_image_ends_the_move(state: str) -> None:
    aws, simulation = start_move()
    aws.image_state = state
    run_until_moved(simulation)
    assert (simulation.instance.phase, aws.images) == (Phase.STOPPED, set())


def test_image_that_stays_pending_ends_the_move_at_its_deadline() -> None:
    aws, simulation = start_move()
    aws.image_state = "pending"
    limit = MOVE_IMAGE_DEADLINE // MINUTE
    for minute in (1, 5, limit - 1):
        simulation.decide(minute)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 0
    simulation.decide(limit + 1)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 1
    assert aws.calls.count(MoveCall.CREATE_IMAGE) == 1


@pytest.mark.parametrize("image_state", ["pending", "available"])
def test_pause_of_gpudesk_ends_no_move(image_state: str) -> None:
    aws, simulation = start_move()
    aws.image_state = image_state
    aws.agent_responds = False
    simulation.decide(1)
    simulation.mode = Mode.PAUSED
    later = max(MOVE_IMAGE_DEADLINE, MOVE_LAUNCH_DEADLINE) // MINUTE
    calls = list(aws.calls)
    for minute in (2, later, later + 10):
        simulation.decide(minute)
    assert (simulation.count_entries(EventCode.MOVE_FAILED), aws.calls) == (0, calls)


def take_back_after(aws: MovingAws, simulation: MovingSimulation) -> None:
    """Check that the record has its former EC2 instance, and that the other one is gone."""
    before = build_stopped_instance()
    run_until_moved(simulation, 60)
    after = simulation.instance
    assert after.ec2_instance is not None
    assert after.ec2_instance.instance_id == INSTANCE_ID
    assert (after.phase, after.spec.desired) == (Phase.STOPPED, DesiredState.STOPPED)
    assert (after.spec.region, after.spec.hardware) == (before.spec.region, before.spec.hardware)
    assert after.billing.rates == before.billing.rates
    assert after.tag_id == "gd-copied"
    assert aws.states[INSTANCE_ID] is Ec2State.STOPPED
    assert aws.states.get(NEW_ID) in (None, Ec2State.TERMINATED)
    assert INSTANCE_ID not in after.launch.ended_instance_ids
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 1
    simulation.apply_change(request_start(after, ADA, get_time(100)))
    simulation._show()
    simulation.run_until(Phase.READY, 100, 106)


def test_disk_is_billed_while_the_new_instance_is_launched() -> None:
    aws, simulation = start_move()
    aws.faults[Launch] = InsufficientCapacity("InsufficientInstanceCapacity", "No capacity.")
    simulation.run_minutes(1, 4)
    assert (simulation.instance.phase, simulation.instance.ec2_instance) == (Phase.LAUNCHING, None)
    assert simulation.instance.billing.meter.state is BillingState.STOPPED


def test_launch_that_fails_takes_the_former_instance_back() -> None:
    aws, simulation = start_move(THERE)
    aws.faults[Launch] = QuotaExceeded("VcpuLimitExceeded", "The quota is exceeded.")
    take_back_after(aws, simulation)


def test_silent_agent_at_the_target_takes_the_former_instance_back() -> None:
    aws, simulation = start_move(THERE)
    simulation.run_minutes(1, 2)
    assert simulation.instance.phase is Phase.BOOTING
    aws.agent_responds = False
    for minute in range(3, 25):
        simulation.decide(minute)
    assert simulation.instance.ec2_instance is not None
    aws.agent_responds = True
    take_back_after(aws, simulation)


def test_end_of_the_new_instance_from_outside_takes_the_former_one_back() -> None:
    aws, simulation = start_move(THERE)
    aws.agent_responds = False
    simulation.run_minutes(1, 2)
    aws.states[NEW_ID] = Ec2State.TERMINATED
    simulation.decide(3)
    aws.agent_responds = True
    take_back_after(aws, simulation)


def test_launch_that_takes_too_long_takes_the_former_instance_back() -> None:
    aws, simulation = start_move()
    aws.document_duration = 20 * MINUTE
    simulation.run_minutes(1, 2)
    assert simulation.instance.phase is Phase.SETTING_UP
    simulation.decide(MOVE_LAUNCH_DEADLINE // MINUTE + 5)
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 1


def test_cancelled_move_takes_the_former_instance_back() -> None:
    aws, simulation = start_move()
    aws.agent_responds = False
    simulation.run_minutes(1, 2)
    assert simulation.instance.phase is Phase.BOOTING
    simulation.apply_change(cancel_move(simulation.instance, ADA, get_time(3)))
    simulation._show()
    aws.agent_responds = True
    take_back_after(aws, simulation)


@pytest.mark.parametrize("minutes", [0, 1, 2, 5])
def test_termination_during_a_move_leaves_nothing_behind(minutes: int) -> None:
    aws, simulation = start_move(THERE)
    aws.agent_responds = False
    simulation.run_minutes(1, minutes)
    simulation.apply_change(request_termination(simulation.instance, ADA, get_time(minutes)))
    simulation._show()
    simulation.run_until(Phase.TERMINATED, minutes + 1, minutes + 30)
    assert set(aws.states.values()) == {Ec2State.TERMINATED}
    assert aws.images == set()
    assert simulation.instance.move is None


def test_disk_that_ends_from_outside_while_it_is_copied_leaves_no_image() -> None:
    aws, simulation = start_move(THERE)
    aws.image_state = "pending"
    simulation.run_minutes(1, 2)
    aws.states[INSTANCE_ID] = Ec2State.TERMINATED
    simulation.run_until(Phase.TERMINATED, 3, 12)
    assert (simulation.instance.move, aws.images) == (None, set())
    assert simulation.count_entries(EventCode.MOVE_FAILED) == 1


def test_leftovers_are_deleted_again_and_notified_each_day() -> None:
    aws, simulation = start_move()
    aws.refusals[MoveCall.DELETE_IMAGES] = PermanentAwsError("UnauthorizedOperation", "Not allowed.")
    simulation.run_minutes(1, 80)
    assert simulation.count_entries(EventCode.MOVE_LEFTOVER) == 1
    assert aws.calls.count(MoveCall.DELETE_IMAGES) > 20
    simulation.decide(26 * 60)
    assert simulation.count_entries(EventCode.MOVE_LEFTOVER) == 2
    aws.refusals.clear()
    simulation.decide(26 * 60 + 3)
    simulation.decide(26 * 60 + 4)
    assert simulation.instance.move is None


def test_disk_that_is_billed_twice_counts_twice_until_the_former_one_is_gone() -> None:
    _, simulation = start_move()
    rates = simulation.instance.billing.rates
    disk = Decimal("0.01")
    simulation.instance = replace(
        simulation.instance,
        billing=replace(simulation.instance.billing, rates=replace(rates, disk=disk)),
        move=replace(
            simulation.instance.move, target=replace(simulation.instance.move.target, rates=replace(rates, disk=disk))
        )
        if simulation.instance.move
        else None,
    )
    simulation._show()
    simulation.run_minutes(1, 2)
    assert simulation.instance.move is not None
    assert simulation.instance.move.step is MoveStep.LAUNCH
    assert simulation.instance.billing.rates.disk == 2 * disk
    run_until_moved(simulation)
    assert simulation.instance.billing.rates.disk == disk


def test_move_within_a_region_leaves_its_zone_unless_another_type_or_the_zone_is_requested() -> None:
    _, simulation = start_move()
    move = simulation.instance.move
    assert move is not None
    zones = ("us-east-1a", "us-east-1b")
    assert [move.allows_zone(zone) for zone in zones] == [False, True]
    larger = replace(move, target=replace(move.target, hardware=build_hardware("g4dn.2xlarge", CATALOG)))
    assert [larger.allows_zone(zone) for zone in zones] == [True, True]
    named = replace(move, target=replace(move.target, zone="us-east-1a"))
    assert [named.allows_zone(zone) for zone in zones] == [True, False]


def test_only_a_stopped_instance_moves_and_only_once() -> None:
    target = MoveTarget(region=THERE, hardware=build_hardware("g4dn.xlarge", CATALOG))
    with pytest.raises(Conflict, match="Stop it first"):
        request_move(build_instance(), "move-1", target, ADA, get_time(0))
    _, simulation = start_move()
    with pytest.raises(Conflict, match="moves already"):
        request_move(simulation.instance, "move-2", target, ADA, get_time(1))
    with pytest.raises(Conflict, match="did not launch"):
        request_move(replace(build_stopped_instance(), is_adopted_on_request=True), "move-1", target, ADA, get_time(0))
    with pytest.raises(Conflict, match="does not move"):
        cancel_move(build_stopped_instance(), ADA, get_time(0))

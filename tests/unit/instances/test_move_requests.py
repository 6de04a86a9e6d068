"""Requests of people to move an instance, and for an instance that moves."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.commands.change import describe_not_ready
from chalicelib.domain.instances.commands.consequences import list_consequences
from chalicelib.domain.instances.commands.keep import request_keep
from chalicelib.domain.instances.commands.request_move import cancel_move, request_move, require_movable
from chalicelib.domain.instances.commands.stop_start import request_start, request_stop, request_termination
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.move_state import MoveTarget
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import Interruption
from tests.support.ready_instance import ADA
from tests.unit.instances.moving_simulation import THERE, build_stopped_instance, set_rates, start_move
from tests.unit.instances.simulation import CATALOG, build_instance, get_time

TARGET = MoveTarget(region=THERE, hardware=build_hardware("g4dn.xlarge", CATALOG))


def test_only_a_stopped_instance_moves_and_only_once() -> None:
    with pytest.raises(Conflict, match="Stop it first"):
        request_move(build_instance(), "move-1", TARGET, ADA, get_time(0))
    _, simulation = start_move()
    with pytest.raises(Conflict, match="moves already"):
        request_move(simulation.instance, "move-2", TARGET, ADA, get_time(1))
    with pytest.raises(Conflict, match="did not launch"):
        request_move(replace(build_stopped_instance(), is_adopted_on_request=True), "move-1", TARGET, ADA, get_time(0))
    with pytest.raises(Conflict, match="does not move"):
        cancel_move(build_stopped_instance(), ADA, get_time(0))


def test_instance_whose_start_was_called_is_not_moved_until_aws_has_refused_it() -> None:
    stopped = build_stopped_instance()
    starting = request_start(stopped, ADA, get_time(0)).instance
    with pytest.raises(Conflict, match="is being started"):
        require_movable(replace(starting, phase=Phase.BOOTING), get_time(1))
    refused = replace(starting, phase=Phase.BOOTING, start=replace(starting.start, refused_since=get_time(1)))
    assert require_movable(refused, get_time(2)) == stopped.ec2_instance
    (requested,) = request_move(refused, "move-1", TARGET, ADA, get_time(2)).entries
    assert requested.message.endswith(
        "The start that waited for capacity has ended: start it again if the move is cancelled."
    )


def test_move_of_an_instance_that_waits_for_ec2_says_that_the_wait_has_ended() -> None:
    stopped = build_stopped_instance()
    interrupted = replace(stopped.observed, interruption=Interruption(interrupted_at=get_time(0)))
    waiting = replace(stopped, observed=interrupted, spec=replace(stopped.spec, desired=DesiredState.RUNNING))
    (requested,) = request_move(waiting, "move-1", TARGET, ADA, get_time(1)).entries
    assert requested.message.endswith(
        "It no longer waits for EC2 to start it: start it again if the move is cancelled."
    )


def test_requests_for_a_ready_instance_say_that_its_disk_is_being_copied() -> None:
    _, simulation = start_move(THERE)
    moving = simulation.instance
    answer = describe_not_ready(moving, "Request the image")
    assert answer == "n is moving: its disk is being copied. Request the image when it is ready."
    with pytest.raises(Conflict, match="its disk is being copied"):
        request_keep(moving, get_time(60), ADA, DeskSettings().limits, get_time(0))


def test_stop_during_the_launch_of_a_move_is_refused_before_and_after_the_launch() -> None:
    aws, simulation = start_move(THERE)
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    assert simulation.instance.ec2_instance is not None
    for instance in (simulation.instance, replace(simulation.instance, ec2_instance=None)):
        with pytest.raises(Conflict, match="/instances/n/move"):
            request_stop(instance, ADA, get_time(4))


def test_termination_during_the_launch_names_both_disks() -> None:
    aws, simulation = start_move(THERE)
    set_rates(simulation)
    aws.agent_responds = False
    simulation.run_minutes(1, 3)
    after = request_termination(simulation.instance, ADA, get_time(4)).instance
    message = next(iter(list_consequences(after))).message
    assert "and that of its former EC2 instance are deleted. They no longer cost $14.60 per month." in message

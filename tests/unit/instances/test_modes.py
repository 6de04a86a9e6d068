"""The modes of gpudesk: `paused` does nothing, and `dry_run` does only what people request."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.observation import NotVisible, Observation, ObservedInstance
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.ready_instance import ADA, EC2_RUNNING
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import (
    Simulation,
    build_context,
    build_heartbeat,
    build_requested_instance,
    get_time,
)
from tests.unit.instances.test_start import build_starting_instance


def test_dry_run_records_once_what_gpudesk_would_do() -> None:
    simulation = Simulation(mode=Mode.DRY_RUN)
    simulation.run_minutes(1, 80, build_heartbeat)
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)
    (message,) = simulation.list_messages(EventCode.DRY_RUN)
    assert len(simulation.timeline) == 1
    assert message.startswith("Dry run: would stop n. Every enabled signal has been quiet")


def test_dry_run_launches_and_stops_what_people_request() -> None:
    simulation = Simulation(build_requested_instance(), mode=Mode.DRY_RUN, aws=SimulatedAws(state=None))
    ready_at = simulation.run_until(Phase.READY, 0, 6)
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(ready_at)))
    simulation.run_until(Phase.STOPPED, ready_at, ready_at + 2)
    assert simulation.steps[-1] == Stop()
    assert simulation.instance.reason.message == "n is stopped. ada requested the stop."


def test_paused_gpudesk_launches_and_stops_nothing_that_people_request() -> None:
    waiting = Simulation(build_requested_instance(), mode=Mode.PAUSED, aws=SimulatedAws(state=None))
    waiting.run_minutes(0, 50)
    assert (waiting.instance.phase, waiting.steps) == (Phase.REQUESTED, [])
    simulation = Simulation(mode=Mode.PAUSED, aws=SimulatedAws())
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    simulation.run_minutes(0, 50)
    assert (simulation.instance.phase, simulation.steps) == (Phase.READY, [])
    simulation.mode = Mode.ENFORCE
    assert simulation.run_until(Phase.STOPPED, 51, 52) == 52


@pytest.mark.parametrize(
    ("instance", "observed"),
    [
        (
            replace(build_requested_instance(), phase=Phase.LAUNCHING, launch=LaunchState(started_at=get_time(0))),
            NotVisible(),
        ),
        (build_starting_instance(), replace(EC2_RUNNING, state=Ec2State.STOPPED)),
    ],
)
def test_time_in_which_gpudesk_was_paused_does_not_count_for_a_deadline(
    instance: Instance, observed: ObservedInstance | NotVisible
) -> None:
    instance = replace(instance, phase_since=get_time(0))
    phases = []
    for mode, minute in ((Mode.PAUSED, 59), (Mode.ENFORCE, 61), (Mode.ENFORCE, 76)):
        context = replace(build_context(), desk=DeskSettings(mode=mode, resumed_at=get_time(60)))
        phases.append(decide(instance, Observation(ec2=observed), get_time(minute), context).instance.phase)
    assert phases[:2] == [instance.phase] * 2
    assert phases[2] in (Phase.FAILED, Phase.STOPPED)


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PAUSED])
def test_warning_from_before_another_mode_is_not_acted_on_after_it(mode: Mode) -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 10, build_heartbeat)
    assert simulation.instance.warning is not None
    simulation.mode = mode
    simulation.run_minutes(11, 22, build_heartbeat)
    simulation.mode = Mode.ENFORCE
    simulation.run_minutes(23, 27, build_heartbeat)
    assert simulation.instance.phase is Phase.READY
    assert simulation.run_until(Phase.STOPPING, 28, 40, build_heartbeat) == 28
    assert simulation.count_entries(EventCode.IDLE_WARNING) == 2

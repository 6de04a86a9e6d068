"""One decision: the order of its stages, and states in which an instance must not be stopped."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Limits, Mode
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle import decide
from chalicelib.domain.instances.observation import Observation, Unavailable
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.warning import WarningType
from tests.support.ready_instance import EC2_RUNNING
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance


def test_stages_have_this_order() -> None:
    assert [stage.__name__ for stage in decide.STAGES] == [
        "apply_ec2_state",
        "decide_interruption",
        "apply_limits",
        "decide_move",
        "decide_phase",
        "require_delivery",
        "apply_mode",
        "forget_ended_facts",
        "abandon_benchmark",
        "apply_metering",
    ]


def test_idle_instance_is_warned_and_stopped() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 9, build_heartbeat)
    assert simulation.timeline == []
    simulation.decide(10, build_heartbeat(10))
    assert simulation.instance.warning is not None
    assert simulation.instance.warning.warning_type is WarningType.IDLE
    simulation.run_minutes(11, 14, build_heartbeat)
    assert simulation.steps == []
    simulation.decide(15, build_heartbeat(15))
    assert (simulation.instance.phase, simulation.steps) == (Phase.STOPPING, [Stop(if_still_idle=True)])


@pytest.mark.parametrize("signal", sorted(SIGNALS))
def test_instance_with_one_active_signal_is_not_stopped(signal: str) -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 60, lambda minute: build_heartbeat(minute, active=signal))
    assert (simulation.instance.phase, simulation.instance.warning, simulation.timeline) == (Phase.READY, None, [])


def test_activity_after_the_warning_cancels_it() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 12, build_heartbeat)
    simulation.decide(13, build_heartbeat(13, active="gpu"))
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)
    assert simulation.count_entries(EventCode.WARNING_CANCELLED) == 1


def test_stale_heartbeat_stops_nothing() -> None:
    simulation = Simulation()
    stale = build_heartbeat(20)
    simulation.run_minutes(24, 90, lambda _: stale)
    assert (simulation.instance.phase, simulation.instance.warning, simulation.steps) == (Phase.READY, None, [])
    assert simulation.count_entries(EventCode.ACTIVITY_UNKNOWN) == 1


def test_heartbeat_that_becomes_stale_cancels_the_warning() -> None:
    simulation = Simulation()
    last = build_heartbeat(12)
    simulation.run_minutes(12, 40, lambda _: last)
    assert (simulation.instance.phase, simulation.instance.warning, simulation.steps) == (Phase.READY, None, [])


def test_unavailable_ec2_decides_nothing() -> None:
    simulation = Simulation(observed=Observation(ec2=Unavailable("Throttling")), limits=Limits(max_hours=1))
    simulation.run_minutes(1, 90, build_heartbeat)
    assert (replace(simulation.instance, billing=build_instance().billing), simulation.timeline) == (
        build_instance(),
        [],
    )


def test_change_outside_gpudesk_is_decided_before_the_limits() -> None:
    observed = Observation(ec2=replace(EC2_RUNNING, state=Ec2State.STOPPED))
    simulation = Simulation(observed=observed, limits=Limits(max_hours=1))
    simulation.decide(1)
    assert [entry.code for entry in simulation.timeline] == [EventCode.STOPPED_EXTERNALLY]


@pytest.mark.parametrize(("mode", "entries"), [(Mode.PAUSED, []), (Mode.DRY_RUN, [EventCode.DRY_RUN])])
def test_mode_other_than_enforce_sends_no_stop_and_no_warning(mode: Mode, entries: list[EventCode]) -> None:
    simulation = Simulation(mode=mode)
    simulation.run_minutes(1, 60, build_heartbeat)
    assert (simulation.instance.phase, simulation.instance.warning, simulation.steps) == (Phase.READY, None, [])
    assert [entry.code for entry in simulation.timeline] == entries

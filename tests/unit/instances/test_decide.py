"""One decision: the order of its stages, and what must never stop an instance."""

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
from tests.property.world import VIEW
from tests.unit.instances.simulation import Simulation, heartbeat, ready


def test_stages_have_this_order() -> None:
    assert [stage.__name__ for stage in decide.STAGES] == [
        "apply_ec2_state",
        "apply_limits",
        "decide_phase",
        "require_delivery",
        "apply_mode",
        "forget_ended_facts",
        "abandon_benchmark",
        "apply_metering",
    ]


def test_idle_instance_is_warned_and_stopped() -> None:
    desk = Simulation()
    desk.live(1, 9, heartbeat)
    assert desk.timeline == []
    desk.decide(10, heartbeat(10))
    assert desk.instance.warning is not None
    assert desk.instance.warning.warning_type is WarningType.IDLE
    desk.live(11, 14, heartbeat)
    assert desk.steps == []
    desk.decide(15, heartbeat(15))
    assert (desk.instance.phase, desk.steps) == (Phase.STOPPING, [Stop(if_still_idle=True)])


@pytest.mark.parametrize("signal", sorted(SIGNALS))
def test_instance_with_one_active_signal_is_not_stopped(signal: str) -> None:
    desk = Simulation()
    desk.live(1, 60, lambda minute: heartbeat(minute, active=signal))
    assert (desk.instance.phase, desk.instance.warning, desk.timeline) == (Phase.READY, None, [])


def test_activity_after_the_warning_cancels_it() -> None:
    desk = Simulation()
    desk.live(1, 12, heartbeat)
    desk.decide(13, heartbeat(13, active="gpu"))
    assert (desk.instance.phase, desk.instance.warning) == (Phase.READY, None)
    assert desk.count(EventCode.WARNING_CANCELLED) == 1


def test_stale_heartbeat_stops_nothing() -> None:
    desk = Simulation()
    stale = heartbeat(20)
    desk.live(24, 90, lambda _: stale)
    assert (desk.instance.phase, desk.instance.warning, desk.steps) == (Phase.READY, None, [])
    assert desk.count(EventCode.ACTIVITY_UNKNOWN) == 1


def test_heartbeat_that_becomes_stale_cancels_the_warning() -> None:
    desk = Simulation()
    last = heartbeat(12)
    desk.live(12, 40, lambda _: last)
    assert (desk.instance.phase, desk.instance.warning, desk.steps) == (Phase.READY, None, [])


def test_unavailable_ec2_decides_nothing() -> None:
    desk = Simulation(observed=Observation(ec2=Unavailable("Throttling")), limits=Limits(max_hours=1))
    desk.live(1, 90, heartbeat)
    assert (replace(desk.instance, billing=ready().billing), desk.timeline) == (ready(), [])


def test_change_outside_gpudesk_is_decided_before_the_limits() -> None:
    observed = Observation(ec2=replace(VIEW, state=Ec2State.STOPPED))
    desk = Simulation(observed=observed, limits=Limits(max_hours=1))
    desk.decide(1)
    assert [entry.code for entry in desk.timeline] == [EventCode.STOPPED_EXTERNALLY]


@pytest.mark.parametrize(("mode", "entries"), [(Mode.PAUSED, []), (Mode.DRY_RUN, [EventCode.DRY_RUN])])
def test_mode_other_than_enforce_sends_no_stop_and_no_warning(mode: Mode, entries: list[EventCode]) -> None:
    desk = Simulation(mode=mode)
    desk.live(1, 60, heartbeat)
    assert (desk.instance.phase, desk.instance.warning, desk.steps) == (Phase.READY, None, [])
    assert [entry.code for entry in desk.timeline] == entries

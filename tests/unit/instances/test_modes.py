"""The modes of gpudesk: `paused` does nothing, and `dry_run` does only what people request."""

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Phase
from tests.property.world import ADA
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, at, heartbeat, requested


def test_dry_run_records_once_what_gpudesk_would_do() -> None:
    desk = Simulation(mode=Mode.DRY_RUN)
    desk.live(1, 80, heartbeat)
    assert (desk.instance.phase, desk.instance.warning) == (Phase.READY, None)
    (message,) = desk.messages()
    assert message.startswith("Dry run: would stop n. Every signal has been quiet")


def test_dry_run_launches_and_stops_what_people_request() -> None:
    desk = Simulation(requested(), mode=Mode.DRY_RUN, aws=SimulatedAws(state=None))
    ready_at = desk.live_until(Phase.READY, 0, 6)
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(ready_at)))
    desk.live_until(Phase.STOPPED, ready_at, ready_at + 2)
    assert desk.steps[-1] == Stop()


def test_paused_gpudesk_launches_and_stops_nothing_that_people_request() -> None:
    waiting = Simulation(requested(), mode=Mode.PAUSED, aws=SimulatedAws(state=None))
    waiting.live(0, 50)
    assert (waiting.instance.phase, waiting.steps) == (Phase.REQUESTED, [])
    desk = Simulation(mode=Mode.PAUSED, aws=SimulatedAws())
    desk.apply(stop_start.request_stop(desk.instance, ADA, at(0)))
    desk.live(0, 50)
    assert (desk.instance.phase, desk.steps) == (Phase.READY, [])
    desk.mode = Mode.ENFORCE
    assert desk.live_until(Phase.STOPPED, 51, 52) == 52


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PAUSED])
def test_warning_from_before_another_mode_is_not_acted_on_after_it(mode: Mode) -> None:
    desk = Simulation()
    desk.live(1, 10, heartbeat)
    assert desk.instance.warning is not None
    desk.mode = mode
    desk.live(11, 22, heartbeat)
    desk.mode = Mode.ENFORCE
    desk.live(23, 27, heartbeat)
    assert desk.instance.phase is Phase.READY
    assert desk.live_until(Phase.STOPPING, 28, 40, heartbeat) == 28
    assert desk.count(EventCode.IDLE_WARNING) == 2

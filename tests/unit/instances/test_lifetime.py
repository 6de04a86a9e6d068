"""The maximum lifetime: a warning, then a stop, whatever runs. A keep or another policy moves the end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.instances.commands import keep, update_policy
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.warning import WarningType
from tests.property.world import ADA
from tests.unit.instances.simulation import Simulation, at, heartbeat, ready


def busy(minute: int) -> DecodedHeartbeat:
    return heartbeat(minute, active="gpu")


def unknown(_: int) -> DecodedHeartbeat:
    return None


@pytest.mark.parametrize("report", [busy, unknown, heartbeat], ids=["busy", "unknown", "idle"])
def test_instance_is_stopped_at_the_end_of_its_lifetime(report: Callable[[int], DecodedHeartbeat]) -> None:
    desk = Simulation(ready(max_hours=1))
    desk.live(50, 62, report)
    assert desk.instance.phase is Phase.STOPPING
    assert {type(step) for step in desk.steps} == {Stop}


def test_busy_instance_is_warned_before_the_end_and_runs_until_it() -> None:
    desk = Simulation(ready(max_hours=1))
    desk.live(50, 54, busy)
    assert desk.instance.warning is None
    desk.decide(55, busy(55))
    warning = desk.instance.warning
    assert warning is not None
    assert (warning.warning_type, warning.stop_at) == (WarningType.LIFETIME, at(60))
    assert warning.message.startswith("n reaches its maximum lifetime of 1 hour at 10:00 UTC.")
    desk.live(56, 59, busy)
    assert desk.instance.phase is Phase.READY
    desk.decide(60, busy(60))
    assert desk.instance.phase is Phase.STOPPING
    assert desk.instance.claim is not None
    assert desk.instance.claim.reason.code is EventCode.LIFETIME_OVER


def test_late_warning_leaves_the_whole_warning_period() -> None:
    desk = Simulation(ready(max_hours=1))
    desk.decide(59, busy(59))
    assert desk.instance.warning is not None
    assert desk.instance.warning.stop_at == at(64)


def test_keep_moves_the_end_and_cancels_the_warning() -> None:
    desk = Simulation(ready(max_hours=1))
    desk.live(54, 56, busy)
    change = keep.request_keep(desk.instance, at(90), ADA, Limits(), at(56))
    assert [entry.code for entry in change.entries] == [EventCode.KEEP_GRANTED, EventCode.WARNING_CANCELLED]
    desk.instance = change.instance
    desk.live(57, 84, busy)
    assert (desk.instance.warning, desk.steps) == (None, [])
    desk.live(85, 91, busy)
    assert desk.instance.phase is Phase.STOPPING


def test_longer_policy_cancels_the_warning() -> None:
    desk = Simulation(ready(max_hours=1))
    desk.live(54, 56, busy)
    request = PolicyOverride(max_hours=2)
    desk.instance = update_policy.update_policy(desk.instance, request, ADA, Limits(), at(56)).instance
    desk.decide(57, busy(57))
    assert desk.instance.warning is None
    assert desk.count(EventCode.WARNING_CANCELLED) == 1


def test_limit_of_an_admin_shortens_the_lifetime_and_the_stop_is_announced() -> None:
    desk = Simulation(ready(max_hours=72), limits=Limits(max_hours=1))
    desk.decide(1, busy(1))
    assert desk.instance.spec.policy.max_hours == 1
    assert desk.count(EventCode.POLICY_LIMITED) == 1
    desk.live(2, 60, busy)
    assert desk.count(EventCode.LIFETIME_WARNING) == 1
    assert desk.instance.phase is Phase.STOPPING


def test_policy_within_the_limits_is_unchanged() -> None:
    desk = Simulation(ready(max_hours=2), limits=Limits(max_hours=2))
    desk.decide(1, busy(1))
    assert (desk.instance.spec.policy.max_hours, desk.timeline) == (2, [])


def test_lifetime_of_a_stopped_instance_has_no_end() -> None:
    stopped = replace(ready(max_hours=1), lifetime=replace(ready().lifetime, started_at=None))
    assert (stopped.lifetime_ends_at, stopped.lifetime_warning_due_at) == (None, None)

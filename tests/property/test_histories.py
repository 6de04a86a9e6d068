"""Test generated histories with the functions that the instance and gpudesk call (`world.py`).

In every history: no busy instance is stopped for idleness, no keep is broken, and no instance is stopped without a
warning. A forgotten instance with readable heartbeats is stopped within the idle window, the warning period and two
sweeps. If gpudesk is unreachable, the instance stops itself 15 minutes later.
"""

from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.common.deadlines import WARNING_DELIVERY_WAIT
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.evidence import MAX_SAMPLE_GAP
from chalicelib.domain.idle.self_stop import EXTRA_DELAY
from chalicelib.domain.instances.warning import WarningType
from tests.property.history import ClockJump, History, KeepEvent, Link, Minute, histories, list_minutes, remove_events
from tests.property.world import NO_TIME, TrueMinute, World, worlds
from tests.support.ready_instance import MINUTE, START, build_ready_instance

QUIET_MINUTE = Minute()
CLOCK_JUMP_THEN_LOST_LINK = [(Minute(event=ClockJump(600)), 13), (Minute(link=Link.LOST), 13)]
"""The last heartbeat is from the future. Ten minutes later its time is the current time of gpudesk."""


def limit_clock_error(world: World) -> timedelta:
    """Return by how much an idle window can look longer than it was. A larger jump of the clock ends the run."""
    return min(world.max_clock_error, MAX_SAMPLE_GAP)


def list_window(world: World, window: timedelta) -> list[TrueMinute]:
    assert world.stopped is not None
    begun = world.stopped.at - window + limit_clock_error(world)
    return [minute for minute in world.true_minutes if minute.at > begun]


def was_quiet(window: list[TrueMinute]) -> bool:
    """Return whether all samples were quiet, without a gap: three missing samples of one signal in a row."""
    in_threes = zip(window, window[1:], window[2:], strict=False)
    has_gap = any(a.missing and a.missing == b.missing == c.missing for a, b, c in in_threes)
    return not has_gap and all(minute.is_quiet for minute in window)


@given(worlds, histories)
@example(World(build_ready_instance()), CLOCK_JUMP_THEN_LOST_LINK)
def test_gpudesk_stops_no_busy_kept_or_unwarned_instance(world: World, history: History) -> None:
    world.has_encoding = True
    world.run_history(history)
    stopped = world.stopped
    if stopped is None or stopped.warning_type is None:
        return
    assert world.mode is Mode.ENFORCE
    assert stopped.at >= world.kept_until
    warned = stopped.warning
    assert warned is not None
    assert stopped.at >= warned.stop_at >= warned.created_at + min(5, 6) * MINUTE
    if warned.requires_delivery and not warned.deliveries:
        assert stopped.at >= warned.stop_at + WARNING_DELIVERY_WAIT
    if stopped.warning_type is WarningType.IDLE:
        window = list_window(world, world.instance.spec.policy.idle.idle_window)
        known_until = world.stored_heartbeat_at
        assert known_until is not None, "gpudesk stopped without any heartbeat"
        known = [minute for minute in window if minute.at <= known_until]
        assert known, "gpudesk stopped without a heartbeat of the idle window"
        assert was_quiet(known)
        since_warned = [
            minute
            for minute in world.true_minutes
            if warned.created_at + limit_clock_error(world) < minute.at <= known_until
        ]
        assert was_quiet(since_warned), "the instance was active after the warning"


@given(worlds, histories)
def test_instance_stops_itself_only_if_idle_warned_and_allowed(world: World, history: History) -> None:
    for minute in list_minutes(history):
        world.run_minute(replace(minute, sweeps=minute.sweeps and world.stored_response is None))
    stopped = world.stopped
    if stopped is None or stopped.warning_type is not None:
        return
    response = world.response
    assert response is not None
    assert response.mode == "enforce"
    assert response.keep_until is None or stopped.instance_time >= response.keep_until
    assert world.self_stop_warned_at is not None
    assert stopped.at - world.self_stop_warned_at >= response.policy.warning_period - limit_clock_error(world)
    window = list_window(world, response.policy.idle_window + EXTRA_DELAY)
    assert was_quiet(window)
    assert not any(minute.forbids_self_stop for minute in window)
    margin = response.policy.warning_period + EXTRA_DELAY
    assert stopped.at - world.policy_arrived_at >= margin - limit_clock_error(world), "gpudesk could not stop it first"


@given(worlds, histories)
def test_forgotten_instance_is_stopped_in_time(world: World, history: History) -> None:
    world.run_history(remove_events(history, KeepEvent))
    world.run_minute(Minute(event=ClockJump(0)))
    world.run_minute(Minute(event=Mode.ENFORCE))
    policy, forgotten_at = world.instance.spec.policy.idle, world.now
    delivery_wait = WARNING_DELIVERY_WAIT if world.directory.owners else NO_TIME
    while world.stopped is None and world.now < forgotten_at + timedelta(hours=2):
        world.run_minute(QUIET_MINUTE)
    assert world.stopped is not None
    assert world.stopped.at <= forgotten_at + policy.idle_window + policy.warning_period + delivery_wait + 2 * MINUTE


@given(worlds, histories, st.sampled_from([Minute(sweeps=False), Minute(sweeps=False, link=Link.LOST)]))
def test_forgotten_instance_stops_itself_if_gpudesk_is_unreachable(
    world: World, history: History, unreachable: Minute
) -> None:
    world.run_history(remove_events(history, KeepEvent))
    world.run_minute(Minute(event=ClockJump(0)))
    world.run_minute(Minute(event=Mode.ENFORCE))
    world.run_minute(QUIET_MINUTE)
    policy, unreachable_since = world.instance.spec.policy.idle, world.now
    while world.stopped is None and world.now < unreachable_since + timedelta(hours=2):
        world.run_minute(unreachable)
    assert world.stopped is not None
    assert world.stopped.at <= unreachable_since + policy.idle_window + policy.warning_period + EXTRA_DELAY + 2 * MINUTE


@given(histories, st.integers(1, 3))
def test_lifetime_limits_everything_except_a_keep(history: History, max_hours: int) -> None:
    """Allow a warning period and two sweeps more, also after gpudesk was paused, in dry run or offline."""
    world = World(build_ready_instance(max_hours))
    away_until = START
    for minute in list_minutes(history):
        world.run_minute(minute)
        if not minute.sweeps or world.mode is not Mode.ENFORCE:
            away_until = world.now + MINUTE
    world.run_minute(Minute(active="gpu", event=Mode.ENFORCE))
    while world.stopped is None and world.now < START + timedelta(hours=9):
        end = max(START + timedelta(hours=max_hours), world.kept_until, away_until)
        if world.now < end - 20 * MINUTE:
            world.now += 9 * MINUTE  # nothing is due yet: the next minute is ten minutes later
        world.run_minute(Minute(active="gpu", unknown="cpu", link=Link.LOST))
    assert world.stopped is not None
    end = max(START + timedelta(hours=max_hours), world.kept_until, away_until)
    assert world.stopped.at <= end + world.instance.spec.policy.idle.warning_period + 2 * MINUTE

"""Generated histories, lived through by the very functions that machine and desk call (`world.py`).

Whatever happens: nothing that was busy is stopped for idleness, a keep is never broken, nobody is stopped unwarned,
and what is forgotten and readable is stopped within window + warning + two sweeps; where the desk is dead, a quarter of
an hour later.
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
from tests.property.world import (
    MINUTE,
    NO_TIME,
    START,
    Beat,
    History,
    Jump,
    Kept,
    Link,
    Minute,
    World,
    histories,
    ready,
    unrolled,
    without,
    worlds,
)

FORGOTTEN = Minute()
AHEAD_THEN_LOST = [(Minute(happening=Jump(600)), 13), (Minute(link=Link.LOST), 13)]
"""The last report was from the future: ten minutes later its time is the desk's own."""


def clock_error(world: World) -> timedelta:
    """By how much a window can look longer than it was: a jump by more voids it."""
    return min(world.widest_clock_error, MAX_SAMPLE_GAP)


def beats_of(world: World, window: timedelta) -> list[Beat]:
    assert world.stopped is not None
    begun = world.stopped.at - window + clock_error(world)
    return [heartbeat for heartbeat in world.beats if heartbeat.at > begun]


def was_quiet(window: list[Beat]) -> bool:
    """Nothing was sampled but quiet, and of no signal were three samples in a row missing, which is a gap."""
    in_threes = zip(window, window[1:], window[2:], strict=False)
    has_gap = any(a.missing and a.missing == b.missing == c.missing for a, b, c in in_threes)
    return not has_gap and all(heartbeat.is_quiet for heartbeat in window)


@given(worlds, histories)
@example(World(ready()), AHEAD_THEN_LOST)
def test_the_desk_stops_nothing_that_was_busy_kept_or_unwarned(world: World, history: History) -> None:
    world.live_through(history)
    stopped = world.stopped
    if stopped is None or stopped.kind is None:
        return
    assert world.mode is Mode.ENFORCE
    assert stopped.at >= world.kept_until
    warned = stopped.warned
    assert warned is not None
    assert stopped.at >= warned.stop_at >= warned.created_at + min(5, 6) * MINUTE
    if warned.requires_delivery and not warned.deliveries:
        assert stopped.at >= warned.stop_at + WARNING_DELIVERY_WAIT
    if stopped.kind is WarningType.IDLE:
        window = beats_of(world, world.instance.spec.policy.idle.idle_window)
        known_until = world.on_the_table_of
        assert known_until is not None, "there was evidence"
        known = [heartbeat for heartbeat in window if heartbeat.at <= known_until]
        assert known, "it was of this window"
        assert was_quiet(known)
        since_warned = [
            heartbeat
            for heartbeat in world.beats
            if warned.created_at + clock_error(world) < heartbeat.at <= known_until
        ]
        assert was_quiet(since_warned), "a warning is of one idle time, not of an earlier one"


@given(worlds, histories)
def test_a_machine_alone_leaves_only_idle_warned_and_allowed_to(world: World, history: History) -> None:
    for minute in unrolled(history):
        world.live(replace(minute, sweeps=minute.sweeps and world.given is None))
    stopped = world.stopped
    if stopped is None or stopped.kind is not None:
        return
    orders = world.orders
    assert orders is not None
    assert orders.mode == "enforce"
    assert orders.keep_until is None or stopped.at_machine >= orders.keep_until
    assert world.left_alone_warned_at is not None
    assert stopped.at - world.left_alone_warned_at >= orders.policy.warning_period - clock_error(world)
    window = beats_of(world, orders.policy.idle_window + EXTRA_DELAY)
    assert was_quiet(window)
    assert not any(heartbeat.forbids_leaving for heartbeat in window)


@given(worlds, histories)
def test_what_is_forgotten_is_stopped_in_time(world: World, history: History) -> None:
    world.live_through(without(history, Kept))
    world.live(Minute(happening=Jump(0)))
    world.live(Minute(happening=Mode.ENFORCE))
    policy, forgotten_at = world.instance.spec.policy.idle, world.now
    late = WARNING_DELIVERY_WAIT if world.book.owners else NO_TIME
    while world.stopped is None and world.now < forgotten_at + timedelta(hours=2):
        world.live(FORGOTTEN)
    assert world.stopped is not None
    assert world.stopped.at <= forgotten_at + policy.idle_window + policy.warning_period + late + 2 * MINUTE


@given(worlds, histories, st.sampled_from([Minute(sweeps=False), Minute(sweeps=False, link=Link.LOST)]))
def test_what_is_forgotten_stops_itself_where_the_desk_is_dead(world: World, history: History, dead: Minute) -> None:
    world.live_through(without(history, Kept))
    world.live(Minute(happening=Jump(0)))
    world.live(Minute(happening=Mode.ENFORCE))
    world.live(FORGOTTEN)
    policy, dead_since = world.instance.spec.policy.idle, world.now
    while world.stopped is None and world.now < dead_since + timedelta(hours=2):
        world.live(dead)
    assert world.stopped is not None
    assert world.stopped.at <= dead_since + policy.idle_window + policy.warning_period + EXTRA_DELAY + 2 * MINUTE


@given(histories, st.integers(1, 3))
def test_a_lifetime_bounds_everything_but_a_keep(history: History, max_hours: int) -> None:
    """Within warning and two sweeps of its end, or of the desk's return where it was away or told only."""
    world = World(ready(max_hours))
    away_until = START
    for minute in unrolled(history):
        world.live(minute)
        if not minute.sweeps or world.mode is not Mode.ENFORCE:
            away_until = world.now + MINUTE
    world.live(Minute(active="gpu", happening=Mode.ENFORCE))
    while world.stopped is None and world.now < START + timedelta(hours=9):
        world.live(Minute(active="gpu", unknown="cpu", link=Link.LOST))
    assert world.stopped is not None
    end = max(START + timedelta(hours=max_hours), world.kept_until, away_until)
    assert world.stopped.at <= end + world.instance.spec.policy.idle.warning_period + 2 * MINUTE

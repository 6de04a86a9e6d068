"""A heartbeat on the wire: never larger than promised, and the same on the other side but for what it went without."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.activity.evidence import Evidence, State
from chalicelib.domain.activity.heartbeat import (
    ATTRIBUTES,
    EXPENDABLE,
    REPORT_BYTES,
    Heard,
    Heartbeat,
    Leaving,
    Missed,
    Progress,
    Wish,
    heartbeat_from,
    item_size,
    plain_heartbeat,
)
from chalicelib.domain.activity.orders import Announced, Answer, Orders, plain_orders
from chalicelib.domain.activity.policy import SIGNALS, IdlePolicy, Thresholds

ITEM_BYTES = 1024
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOT = "0f4c3a52-7c1b-4c1e-9a54-3f2b1c0d9e8f"
INSTANCE = "i-0123456789abcdef0"
KEY = f"AROAEXAMPLEEXAMPLEEXA:{INSTANCE}"
ID = "z" * 32
"""As long as a wish's may be."""

moments = st.integers(0, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds))
counts = st.integers(0, 10**5)


def evidence(state: State, since: datetime, samples: int, reason: str) -> Evidence:
    gap = timedelta(seconds=180)
    return Evidence(state, since=since, at=NOW, samples=samples, largest_gap=gap, reason=reason, boot_id=BOOT)


def progress(name: str, line: str) -> Progress:
    return Progress(document=name, step=name, position="12 of 12", running_for=timedelta(days=1), line=line)


beats = st.builds(
    Heartbeat,
    instance_id=st.just(INSTANCE),
    at=st.just(NOW),
    boot_id=st.just(BOOT),
    signals=st.dictionaries(
        st.sampled_from(SIGNALS),
        st.builds(evidence, st.sampled_from(State), moments, st.integers(1, 10**6), st.text(max_size=200)),
    ),
    lives=st.dictionaries(st.sampled_from(["kernels", "terminals", "tmux", "screen"]), counts),
    heard=st.builds(
        Heard, keep_until=st.none() | moments, warning_id=st.none() | st.just("lifetime-1795500000"), terminals=counts
    ),
    wish=st.none() | st.builds(Wish, id=st.sampled_from(["1", ID]), hours=st.integers(1, 8760)),
    missed=st.none() | st.builds(Missed, count=counts, since=moments, why=st.text(max_size=60)),
    leaving=st.none() | st.builds(Leaving, acts_at=moments, is_over=st.booleans()),
    setup=st.none() | st.builds(progress, st.text(max_size=60), st.text(max_size=300)),
)

FULLEST = Heartbeat(
    instance_id=INSTANCE,
    at=NOW,
    boot_id=BOOT,
    signals={name: evidence(State.UNKNOWN, NOW - timedelta(days=9), 10**6, "x" * 200) for name in SIGNALS},
    lives={"kernels": 10**5, "terminals": 10**5, "tmux": 10**5, "screen": 10**5},
    heard=Heard(keep_until=NOW, warning_id="lifetime-1795500000", terminals=10**5, notebooks=10**5),
    wish=Wish(id=ID, hours=8760),
    missed=Missed(count=10**5, since=NOW, why="ProvisionedThroughputExceededException"),
    leaving=Leaving(acts_at=NOW, is_over=False),
    setup=progress("x" * 60, "x" * 300),
)
LONGEST_ORDERS = Orders(
    mode="paused",
    policy=IdlePolicy(
        idle_minutes=10_080,
        warning_minutes=1440,
        thresholds=Thresholds(
            gpu_percent=100, cpu_core_percent=100_000, disk_kib_per_second=10**7, network_kib_per_second=10**7
        ),
    ),
    keep_until=NOW,
    warning=Announced(id="lifetime-1795500000", kind="lifetime", acts_at=NOW),
    answer=Answer(id=ID, granted=False, sentence="x" * 200),
)


def whole_size(item: Mapping[str, Any]) -> int:
    """Of an item: as of a map, but for what a map itself takes."""
    return sum(len(name.encode()) + item_size(value) for name, value in item.items())


@given(beats)
@example(FULLEST)
def test_no_heartbeat_is_larger_than_promised_and_none_goes_without_what_there_was_room_for(beat: Heartbeat) -> None:
    plain = plain_heartbeat(beat, KEY)
    assert item_size({"id": KEY, **plain}) <= REPORT_BYTES
    again = heartbeat_from(plain)
    assert isinstance(again, Heartbeat)
    kept = {name: (each.state, each.since, each.samples) for name, each in again.signals.items()}
    assert kept == {name: (each.state, each.since, each.samples) for name, each in beat.signals.items()}
    assert (again.heard, again.wish, again.leaving) == (beat.heard, beat.wish, beat.leaving)
    assert again.lives == beat.lives or (again.missed is None and not again.lives)


def test_the_fullest_heartbeat_goes_without_what_can_be_spared_and_with_the_longest_orders_costs_one_write() -> None:
    plain = plain_heartbeat(FULLEST, KEY)
    assert plain.keys() >= set(ATTRIBUTES) - set(EXPENDABLE)
    assert whole_size({"id": KEY, **plain, "response": plain_orders(LONGEST_ORDERS)}) <= ITEM_BYTES


def test_where_there_is_room_nothing_is_left_out_and_no_reason_cut() -> None:
    reasons = {"gpu": evidence(State.ACTIVE, NOW, 1, "GPU 1 of 8 at 97 %")}
    beat = Heartbeat(instance_id=INSTANCE, at=NOW, boot_id=BOOT, signals=reasons, missed=FULLEST.missed)
    again = heartbeat_from(plain_heartbeat(beat, KEY))
    assert isinstance(again, Heartbeat)
    assert again.missed
    assert again.signals["gpu"].reason == "GPU 1 of 8 at 97 %"

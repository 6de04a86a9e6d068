"""What is said before a stop about the next start: only what EC2 has really answered, and nothing without evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.control.start_outlooks import StartOutlooks
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.capacity_record import CapacityRecord, Result, replay
from chalicelib.domain.offers.region_capacity import CapacityKey, RegionCapacity
from chalicelib.domain.offers.start_outlook import MAX_AGE, MAX_MORNINGS, describe_start_outlook, list_mornings
from tests.support.ready_instance import build_ready_instance

LAUNCHED, REFUSED, HINTED = Result.LAUNCHED, Result.REFUSED, Result.HINTED
KEY = CapacityKey("g5.xlarge", "us-west-2a", Market.ON_DEMAND)
MONDAY = datetime(2026, 6, 1, 17, 10, tzinfo=UTC)
"""09:10 by the sun of Oregon."""

NOW = datetime(2026, 6, 5, 23, 0, tzinfo=UTC)
"""Friday afternoon."""

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
WEEK = (REFUSED, LAUNCHED, REFUSED, LAUNCHED, REFUSED)


def build_instance(market: Market = Market.ON_DEMAND) -> Instance:
    ready = build_ready_instance()
    assert ready.ec2_instance is not None
    hardware = replace(ready.spec.hardware, instance_type="g5.xlarge")
    spec = replace(ready.spec, region="us-west-2", hardware=hardware, market=market)
    return replace(ready, spec=spec, ec2_instance=replace(ready.ec2_instance, zone="us-west-2a"))


def build_mornings(*results: Result, start: datetime = MONDAY) -> list[tuple[Result, datetime]]:
    """Return one result on each day from `start` on."""
    return [(result, start + number * DAY) for number, result in enumerate(results)]


def describe(results: list[tuple[Result, datetime]], key: CapacityKey = KEY, now: datetime = NOW) -> str:
    return describe_start_outlook(build_instance(), RegionCapacity({key: replay(results)}), now)


def test_refused_mornings_are_counted_and_the_way_out_is_named() -> None:
    assert describe(build_mornings(*WEEK)) == (
        "EC2 refused g5.xlarge in us-west-2a on 3 of the last 5 weekday mornings with a request (14:00 to 20:00 UTC). "
        "After this stop, it may refuse a start of n, too. Then move n to another zone, or launch another instance "
        "from an image of it."
    )


def test_instance_that_gpudesk_did_not_launch_cannot_be_moved() -> None:
    adopted = replace(build_instance(), is_adopted_on_request=True)
    said = describe_start_outlook(adopted, RegionCapacity({KEY: replay(build_mornings(*WEEK))}), NOW)
    assert said.endswith("After this stop, it may refuse a start of n, too.")


def test_morning_with_many_tries_counts_once() -> None:
    waits = [(REFUSED, MONDAY + number * 2 * MINUTE) for number in range(20)]
    results = [
        *waits,
        (LAUNCHED, MONDAY + 45 * MINUTE),
        *build_mornings(LAUNCHED, REFUSED, LAUNCHED, start=MONDAY + DAY),
    ]
    assert "on 2 of the last 4 weekday mornings" in describe(results)


def test_latest_mornings_count() -> None:
    results = [*build_mornings(REFUSED, REFUSED, REFUSED, start=MONDAY - 7 * DAY), *build_mornings(*[LAUNCHED] * 5)]
    assert describe(results) == ""


def test_each_market_has_its_own_answers() -> None:
    spot = RegionCapacity({KEY._replace(market=Market.SPOT): replay(build_mornings(*WEEK))})
    assert describe_start_outlook(build_instance(Market.SPOT), spot, NOW).startswith(
        "EC2 refused g5.xlarge on the spot"
    )
    assert describe_start_outlook(build_instance(), spot, NOW) == ""


@pytest.mark.parametrize(
    "results",
    [
        [],
        build_mornings(*[LAUNCHED] * 5),
        build_mornings(REFUSED, REFUSED),
        build_mornings(REFUSED, LAUNCHED, LAUNCHED, LAUNCHED, LAUNCHED),
        build_mornings(*[HINTED] * 5),
        build_mornings(*WEEK, start=MONDAY - 10 * HOUR),
        build_mornings(REFUSED, REFUSED, start=MONDAY - 2 * DAY) + build_mornings(REFUSED, LAUNCHED),
        build_mornings(*WEEK, start=MONDAY - MAX_AGE - 7 * DAY),
    ],
    ids=["none", "launches", "few", "one refusal", "hints", "nights", "weekend", "old"],
)
def test_nothing_is_said_without_enough_evidence(results: list[tuple[Result, datetime]]) -> None:
    assert describe(results) == ""


@pytest.mark.parametrize(
    "key", [KEY._replace(instance_type="g5.2xlarge"), KEY._replace(zone="us-west-2b")], ids=["type", "zone"]
)
def test_answers_about_others_say_nothing(key: CapacityKey) -> None:
    assert describe(build_mornings(*WEEK), key) == ""


def test_refusal_of_the_last_minutes_is_said_with_its_time() -> None:
    assert describe([(REFUSED, NOW - MINUTE)]).startswith(
        "EC2 refused g5.xlarge in us-west-2a at 22:59 UTC. After this stop, it may"
    )
    assert describe([(REFUSED, NOW - MINUTE), (LAUNCHED, NOW)]) == ""
    assert describe([(REFUSED, NOW - HOUR)]) == ""


@given(st.lists(st.tuples(st.sampled_from(Result), st.integers(0, 60)), max_size=40))
def test_mornings_are_those_of_the_results(steps: list[tuple[Result, int]]) -> None:
    at, results = MONDAY, []
    for result, hours in steps:
        at += hours * HOUR
        results.append((result, at))
    tried = [(result, time - 8 * HOUR) for result, time in results if result is not HINTED]
    expected: dict[object, bool] = {}
    for result, local in tried:
        if 6 <= local.hour < 12 and local.weekday() < 5:
            expected[local.date()] = expected.get(local.date(), False) or result is REFUSED
    shown = list_mornings(replay(results), "us-west-2", at)
    assert shown == [pair for pair in sorted(expected.items(), reverse=True) if pair in shown]
    if at - MONDAY <= MAX_AGE:
        assert len(shown) == min(len(expected), MAX_MORNINGS)


def test_memory_reads_a_region_once_and_a_failed_read_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    reads: list[str] = []

    def read(region: str) -> RegionCapacity:
        reads.append(region)
        return RegionCapacity({KEY: CapacityRecord()})

    outlooks = StartOutlooks(read).add_memory()
    assert (outlooks.describe(build_instance(), NOW), outlooks.describe(build_instance(), NOW)) == ("", "")
    assert reads == ["us-west-2"]

    def fail(region: str) -> RegionCapacity:
        raise ConnectionError(region)

    assert StartOutlooks(fail).describe(build_instance(), NOW) == ""
    assert "us-west-2 could not be read" in caplog.text

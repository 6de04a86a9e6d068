"""Comparison of idle rules on short simulated months."""

from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.idle_rules.__main__ import format_tables, main, simulate_all
from benchmarks.idle_rules.month import simulate
from benchmarks.idle_rules.rules import IdleWindowRule, NeverStop, build_gpudesk_rule
from benchmarks.idle_rules.team import generate_team
from benchmarks.idle_rules.use import CELL, COPYING, HUNG, REST, THINKING, MinuteOfUse

GPUDESK_RULE = "**gpudesk's idle rule**"
PRICE = Decimal(6)


def test_month_depends_only_on_the_seed() -> None:
    assert list(generate_team(7, days=3)) == list(generate_team(7, days=3))
    assert list(generate_team(7, days=3)) != list(generate_team(8, days=3))


def test_month_has_1440_minutes_per_day() -> None:
    assert {len(each.minutes) for each in generate_team(7, days=3)} == {3 * 24 * 60}


@pytest.mark.parametrize("days", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_gpudesk_rule_stops_forgotten_instances_and_no_busy_one(days: int) -> None:
    found = simulate_all(7, days=days, rules=("never stop", GPUDESK_RULE))
    gpudesk, never = found[GPUDESK_RULE].values(), found["never stop"].values()
    assert sum(each.stops for each in gpudesk) > 10
    assert sum(each.busy_stops for each in gpudesk) == 0
    assert sum(each.lost_minutes for each in gpudesk) == 0
    assert sum(each.wasted_minutes for each in gpudesk) * 4 < sum(each.wasted_minutes for each in never)


def test_table_has_a_row_for_each_rule_and_each_instance() -> None:
    rules = ("never stop", "CPU under 5 %")
    lines = list(format_tables(simulate_all(7, days=2, rules=rules)))
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:4]] == list(rules)
    assert len(lines) == 7 + len(list(generate_team(7, days=1)))


def test_quiet_hour_is_stopped_by_an_alarm_and_only_warned_by_gpudesk() -> None:
    day = [CELL] * 20 + [THINKING] * 45 + [CELL] * 20
    alarm = simulate(day, IdleWindowRule(lambda use: not use.has_kernel_activity), PRICE)
    assert (alarm.stops, alarm.busy_stops, alarm.lost_minutes) == (1, 1, 5)
    gpudesk = simulate(day, build_gpudesk_rule(), PRICE)
    assert (gpudesk.stops, gpudesk.warnings, gpudesk.lost_minutes) == (0, 1, 0)


def test_busy_stop_loses_the_minutes_until_the_next_use() -> None:
    night = [COPYING] * 100 + [REST] * 10 + [COPYING] * 5
    outcome = simulate(night, IdleWindowRule(lambda use: use.cores < 1), PRICE)
    assert (outcome.running_minutes, outcome.busy_stops, outcome.lost_minutes) == (35, 1, 70)


def test_unused_minutes_are_counted_as_wasted_dollars() -> None:
    outcome = simulate([CELL] * 60 + [REST] * 30, NeverStop(), PRICE)
    assert (outcome.dollars, outcome.dollars_wasted) == (Decimal(9), Decimal(3))


@pytest.mark.parametrize("use", [HUNG, MinuteOfUse(is_busy=False, has_heartbeat=False)])
def test_gpudesk_rule_never_stops_hung_or_silent_instances(use: MinuteOfUse) -> None:
    assert simulate([CELL] * 5 + [use] * 300, build_gpudesk_rule(), PRICE).wasted_minutes == 300


def test_seed_that_is_not_a_number_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"SEED": "one"}) == 2
    assert "SEED must be a whole number, not 'one'." in capsys.readouterr().err


@pytest.mark.slow
def test_tables_in_the_documentation_are_the_output_of_the_benchmark() -> None:
    page = (Path(__file__).parents[3] / "docs/policy-tuning.md").read_text(encoding="utf-8")
    printed = "\n".join(format_tables(simulate_all(seed=1)))
    for table in printed.split("\n\n"):
        assert table in page

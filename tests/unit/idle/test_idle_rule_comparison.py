"""Test the comparison of idle rules, with months of a few days."""

from decimal import Decimal

import pytest

from benchmarks.idle_rules.__main__ import main, results, tables
from benchmarks.idle_rules.month import simulate
from benchmarks.idle_rules.rules import IdleWindowRule, NeverStop, desk
from benchmarks.idle_rules.team import team
from benchmarks.idle_rules.use import CELL, COPYING, HUNG, REST, THINKING, MinuteOfUse

OURS = "**gpudesk's idle rule**"
PRICE = Decimal(6)


def test_seed_determines_the_month() -> None:
    assert list(team(7, days=3)) == list(team(7, days=3))
    assert list(team(7, days=3)) != list(team(8, days=3))


def test_month_has_every_minute() -> None:
    assert {len(each.minutes) for each in team(7, days=3)} == {3 * 24 * 60}


@pytest.mark.parametrize("days", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_gpudesk_rule_stops_forgotten_instances_and_no_busy_one(days: int) -> None:
    found = results(7, days=days, rules=("never stop", OURS))
    ours, never = found[OURS].values(), found["never stop"].values()
    assert sum(our.stops for our in ours) > 10
    assert sum(our.busy_stops for our in ours) == 0
    assert sum(our.lost for our in ours) == 0
    assert sum(our.wasted for our in ours) * 4 < sum(each.wasted for each in never)


def test_table_has_a_row_for_every_rule_and_instance() -> None:
    rules = ("never stop", "CPU under 5 %")
    lines = list(tables(results(7, days=2, rules=rules)))
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:4]] == list(rules)
    assert len(lines) == 7 + len(list(team(7, days=1)))


def test_quiet_hour_at_work_is_a_stop_for_an_alarm_and_a_warning_for_gpudesk() -> None:
    day = [CELL] * 20 + [THINKING] * 45 + [CELL] * 20
    alarm = simulate(day, IdleWindowRule(lambda use: not use.kernel), PRICE)
    assert (alarm.stops, alarm.busy_stops, alarm.lost) == (1, 1, 5)
    ours = simulate(day, desk(), PRICE)
    assert (ours.stops, ours.warnings, ours.lost) == (0, 1, 0)


def test_time_after_a_wrong_stop_is_lost_until_the_next_use() -> None:
    night = [COPYING] * 100 + [REST] * 10 + [COPYING] * 5
    outcome = simulate(night, IdleWindowRule(lambda use: use.cores < 1), PRICE)
    assert (outcome.running, outcome.busy_stops, outcome.lost) == (35, 1, 70)


def test_unused_time_is_wasted_money() -> None:
    outcome = simulate([CELL] * 60 + [REST] * 30, NeverStop(), PRICE)
    assert (outcome.dollars, outcome.dollars_wasted) == (Decimal(9), Decimal(3))


@pytest.mark.parametrize("use", [HUNG, MinuteOfUse(busy=False, heard=False)])
def test_gpudesk_rule_pays_for_unknown_activity(use: MinuteOfUse) -> None:
    assert simulate([CELL] * 5 + [use] * 300, desk(), PRICE).wasted == 300


def test_invalid_seed_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"SEED": "one"}) == 2
    assert "SEED is 'one'; must be a whole number" in capsys.readouterr().err

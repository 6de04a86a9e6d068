"""Use of budgets, the refusal of a launch that does not fit, and the thresholds at which people are notified."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.costs.budget_events import find_event
from chalicelib.domain.costs.budget_refusal import build_refusal
from chalicelib.domain.costs.budgets import (
    Budget,
    BudgetScope,
    BudgetUse,
    compute_reservation,
    compute_use,
    find_budgets,
)
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.instances.billing import Billing, BillingState, Rates
from chalicelib.domain.instances.launch_choice import LaunchChoice, with_first_price
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import EC2_RUNNING, START
from tests.unit.costs.test_forecast import HOUR, MONTH, REQUESTED, RUNNING, STOPPED, build_segment

ADA = Budget(scope=BudgetScope.OWNER, name="ada", amount=Decimal(100))
VISION = Budget(scope=BudgetScope.PROJECT, name="vision", amount=Decimal(100))


def build_use(spent: str, reserved: str = "0", amount: str = "100") -> BudgetUse:
    budget = replace(ADA, amount=Decimal(amount))
    return BudgetUse(budget=budget, month=MONTH, spent=Decimal(spent), reserved=Decimal(reserved))


def test_budgets_of_a_launch_are_those_of_its_owner_and_its_project() -> None:
    owner = OwnerSettings(owner="ada", monthly_budget=Decimal(100))
    desk = DeskSettings(project_budgets={"vision": Decimal(100), "nlp": Decimal(5)})
    assert find_budgets(owner, "vision", desk) == (ADA, VISION)
    assert find_budgets(owner, None, desk) == (ADA,)
    assert find_budgets(OwnerSettings(owner="ada"), "other", desk) == ()


def test_use_counts_what_is_billed_this_month_and_what_runs_to_its_end() -> None:
    segments = [
        build_segment(BillingState.RUNNING, 2),
        replace(build_segment(BillingState.RUNNING, 2), owner="bob", project="vision"),
        replace(build_segment(BillingState.STOPPED, 3), since=MONTH.begins_at - HOUR, until=MONTH.begins_at + HOUR),
    ]
    mine = compute_use(ADA, segments, [RUNNING, STOPPED, REQUESTED, replace(RUNNING, owner="bob")], START)
    assert (mine.spent, mine.reserved) == (Decimal("2.22") + Decimal("0.1"), Decimal("11.1") * 2)
    assert str(compute_use(ADA, [], [], START).reserved) == "0.000000"
    assert mine.left == 100 - mine.spent - mine.reserved
    assert compute_use(VISION, segments, [RUNNING], START).spent == Decimal("2.22")


def test_reservation_ends_with_the_month() -> None:
    now = MONTH.ends_at - 2 * HOUR
    assert compute_reservation(replace(RUNNING, lifetime=Lifetime(started_at=now)), now) == Decimal("2.22")


def test_unknown_price_reserves_nothing_and_always_fits() -> None:
    unknown = replace(RUNNING, billing=replace(RUNNING.billing, rates=type(RUNNING.billing.rates)()))
    assert compute_reservation(unknown, START) == 0
    assert build_use("200").allows(Decimal(0))


@pytest.mark.parametrize(("needed", "fits"), [("20", True), ("20.01", False)])
def test_launch_fits_if_the_budget_has_as_much_left(needed: str, *, fits: bool) -> None:
    assert build_use("50", "30").allows(Decimal(needed)) is fits


@pytest.mark.parametrize(
    ("spent", "advice", "fields"),
    [("94", "Lower max_hours to 5, use a cheaper type", ["max_hours"]), ("99.5", "Use a cheaper type", [])],
)
def test_refusal_says_what_is_missing_and_what_fits(spent: str, advice: str, fields: list[str]) -> None:
    refusal = build_refusal(build_use(spent), Decimal("11.1"), REQUESTED, START)
    assert refusal.message.startswith(
        f"This launch does not fit the monthly budget of ada: $100.00 for 2026-01, of which ${Decimal(spent):.2f} is "
        "spent and $0.00 is reserved for running instances. The launch needs $11.10 for 10 hours this month, "
        "at $1.000 per hour. "
    )
    assert advice in refusal.message
    assert [error.field for error in refusal.errors] == fields


def test_refusal_of_a_launch_on_spot_names_the_price_that_it_can_rise_to() -> None:
    rates = Rates(instance=Decimal("0.3"), disk=Decimal("0.1"), on_demand=Decimal(1))
    choice = LaunchChoice(instance_type="g4dn.xlarge", region="us-east-1", markets=(Market.SPOT,))
    spec = replace(REQUESTED.spec, launch_choice=with_first_price(choice, Decimal("0.3")))
    on_spot = replace(REQUESTED, spec=spec, billing=Billing(rates=rates))
    message = build_refusal(build_use("94"), Decimal(11), on_spot, START).message
    assert (
        "this month, at $1.000 per hour, the on-demand price: a spot price can rise to it. Lower max_hours" in message
    )


@pytest.mark.parametrize(("spent", "fits"), [("89", True), ("89.01", False)])
def test_refusal_advises_a_lower_max_price_only_if_the_launch_fits_then(spent: str, *, fits: bool) -> None:
    choice = with_first_price(LaunchChoice(instance_type="g4dn.xlarge", region="us-east-1", gpus=("T4",)), Decimal(1))
    launch = replace(
        REQUESTED,
        spec=replace(REQUESTED.spec, launch_choice=choice),
        billing=Billing(rates=Rates(instance=Decimal(1), disk=Decimal("0.1"))),
    )
    message = build_refusal(build_use(spent), Decimal("13.5"), launch, START).message
    assert ("Send max_price 1, lower max_hours" in message) is fits


def test_refusal_names_the_launch_that_reserves_the_budget_and_how_to_cancel_it() -> None:
    waiting = replace(REQUESTED, name="qa-wait")
    use = compute_use(replace(ADA, amount=Decimal(12)), [], [waiting], START)
    message = build_refusal(use, Decimal("11.1"), REQUESTED, START).message
    assert "$11.10 is reserved for launches that do not run yet." in message
    assert "Use a cheaper type, cancel a launch that does not run yet (DELETE /instances/qa-wait) or ask" in message
    assert "stop an instance" not in message
    others = replace(use, launches=tuple(replace(each, owner="bob") for each in use.launches))
    assert "qa-wait" not in build_refusal(others, Decimal("11.1"), REQUESTED, START).message
    both = compute_use(ADA, [], [waiting, RUNNING], START)
    message = build_refusal(both, Decimal(90), REQUESTED, START).message
    assert "$22.20 is reserved ($11.10 of it for launches that do not run yet, the rest for running" in message
    assert "stop an instance" in message


def test_refusal_of_a_start_says_what_a_start_can_change() -> None:
    starting = replace(STOPPED, spec=replace(STOPPED.spec, desired=DesiredState.RUNNING))
    refusal = build_refusal(build_use("94"), Decimal("11.1"), starting, START)
    assert f"Lower max_hours to 5 (PATCH /instances/{STOPPED.name}), start a cheaper size (instance_type) or" in (
        refusal.message
    )
    assert refusal.errors == ()
    on_spot = replace(EC2_RUNNING.to_ec2_instance(), market=Market.SPOT)
    message = build_refusal(build_use("94"), Decimal("11.1"), replace(starting, ec2_instance=on_spot), START).message
    assert f"move it as a cheaper type (POST /instances/{STOPPED.name}/move with instance_type) or" in message
    adopted = replace(starting, ec2_instance=on_spot, is_adopted_on_request=True)
    assert "type" not in build_refusal(build_use("94"), Decimal("11.1"), adopted, START).message
    kept = replace(starting, lifetime=Lifetime(keep_until=START + 20 * HOUR))
    assert "max_hours" not in build_refusal(build_use("94"), Decimal("11.1"), kept, START).message


def test_refusal_shortly_before_the_month_ends_names_the_hours_that_are_left() -> None:
    refusal = build_refusal(build_use("99"), Decimal("2.22"), REQUESTED, MONTH.ends_at - 2 * HOUR)
    assert "The launch needs $2.22 for 2 hours this month, at $1.000 per hour. Use a cheaper type" in refusal.message


@pytest.mark.parametrize(
    ("spent", "amount", "code"),
    [
        ("79.99", "100", None),
        ("80", "100", EventCode.BUDGET_NEARLY_SPENT),
        ("99.99", "100", EventCode.BUDGET_NEARLY_SPENT),
        ("100", "100", EventCode.BUDGET_SPENT),
        ("0", "0", None),
        ("0.01", "0", EventCode.BUDGET_SPENT),
    ],
)
def test_people_are_notified_at_80_and_100_percent(spent: str, amount: str, code: EventCode | None) -> None:
    event = find_event(build_use(spent, amount=amount))
    assert (event.code if event else None) is code


def test_event_is_another_one_in_the_next_month_and_after_a_change_of_the_budget() -> None:
    uses = [
        build_use("90"),
        build_use("95"),
        build_use("190", amount="200"),
        replace(build_use("90"), month=MONTH.of(MONTH.ends_at + timedelta(days=1))),
    ]
    first, later, raised, next_month = (event.key for use in uses if (event := find_event(use)))
    assert first == later
    assert len({first, raised, next_month}) == 3


def test_message_says_what_is_spent_what_follows_and_how_to_change_it() -> None:
    event = find_event(build_use("101", "5"))
    assert event is not None
    assert event.message == (
        "The monthly budget of ada is $100.00, and $101.00 of it is spent in 2026-01 (101 %). Running instances can "
        "cost $5.00 more this month. Launches and starts are refused until 2026-02-01 00:00 UTC, unless an admin "
        "raises the budget (PATCH /owners/ada with monthly_budget). gpudesk stops no instance because of a budget: "
        "stop or terminate those that nobody needs. GET /costs shows what each instance costs."
    )

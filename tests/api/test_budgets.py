"""API tests of budgets: who sets them, what GET /costs shows, and launches and starts that do not fit."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from chalicelib.control.spending import Spending, read_spending
from tests.api.client import Bench

LAUNCH = {"instance_type": "g4dn.xlarge", "region": "us-east-1", "max_hours": 10}
"""Costs 5.42 dollars until the end of its lifetime: 0.542 per hour for instance, disk and address."""


def set_budget(bench: Bench, amount: str | None) -> None:
    assert bench.root("PATCH", "/owners/ada", {"monthly_budget": amount}).status == 200


def read_use(bench: Bench) -> dict[str, str]:
    (use,) = bench.ada("GET", "/costs").json["budgets"]
    return {name: str(use[name]) for name in ("amount", "spent", "reserved", "left")}


def test_launch_that_does_not_fit_the_budget_is_refused_with_what_would(bench: Bench) -> None:
    set_budget(bench, "8.00")
    assert bench.ada("POST", "/instances", LAUNCH).status == 202
    use = read_use(bench)
    assert (use["amount"], use["spent"]) == ("8.00", "0.000000")
    assert Decimal("5.2") < Decimal(use["reserved"]) < Decimal("5.6")
    refused = bench.ada("POST", "/instances", {**LAUNCH, "name": "second"})
    assert (refused.status, refused.json["code"]) == (409, "budget_exceeded")
    assert refused.json["budget"]["reserved"] == use["reserved"]
    assert refused.field_errors == {"max_hours": "must be at most 4 to fit the budget, not 10"}
    first = bench.ada("GET", "/instances").json["items"][0]["name"]
    advice = (
        f"Lower max_hours to 4, use a cheaper type, cancel a launch that does not run yet (DELETE /instances/{first})"
    )
    assert advice in refused.json["detail"]
    assert "PATCH /owners/ada with monthly_budget" in refused.json["detail"]
    assert bench.ada("POST", "/instances", {**LAUNCH, "name": "second", "max_hours": 4}).status == 202
    assert bench.bob("POST", "/instances", LAUNCH).status == 202


def test_refusal_of_a_launch_with_several_offers_says_what_they_may_cost(bench: Bench) -> None:
    set_budget(bench, "6.00")
    refused = bench.ada("POST", "/instances", {"gpu": "T4", "max_hours": 10})
    assert "per hour, the most that its offers may cost (max_price)" in refused.json["detail"]
    assert "Send max_price 0.526, " in refused.json["detail"]
    assert bench.ada("POST", "/instances", {"gpu": "T4", "max_hours": 10, "max_price": "0.526"}).status == 202


def test_repeated_launch_returns_the_instance_although_it_has_used_the_budget(bench: Bench) -> None:
    set_budget(bench, "6.00")
    first = bench.ada("POST", "/instances", LAUNCH)
    again = bench.ada("POST", "/instances", LAUNCH)
    assert (first.status, again.status, again.json["id"]) == (202, 202, first.json["id"])


def test_cancelled_launch_frees_the_budget(bench: Bench) -> None:
    set_budget(bench, "6.00")
    first = bench.ada("POST", "/instances", LAUNCH).json
    assert bench.ada("POST", "/instances", {**LAUNCH, "name": "second"}).status == 409
    assert bench.ada("DELETE", f"/instances/{first['name']}").status == 202
    assert bench.ada("POST", "/instances", {**LAUNCH, "name": "second"}).status == 202


def test_start_must_fit_the_budget_and_stop_releases_it(bench: Bench) -> None:
    stopped = bench.world.launch_until_stopped()
    set_budget(bench, "6.00")
    refused = bench.ada("POST", f"/instances/{stopped.name}/start")
    assert (refused.status, refused.json["code"]) == (409, "budget_exceeded")
    assert "This start does not fit the monthly budget of ada" in refused.json["detail"]
    assert f"(PATCH /instances/{stopped.name}), start a cheaper size" in refused.json["detail"]
    assert bench.ada("GET", f"/instances/{stopped.name}").json["desired"] == "stopped"
    set_budget(bench, "7.00")
    assert bench.ada("POST", f"/instances/{stopped.name}/start").status == 202
    assert Decimal(read_use(bench)["reserved"]) > 6
    assert bench.ada("POST", f"/instances/{stopped.name}/stop").status == 202
    assert Decimal(read_use(bench)["reserved"]) == 0


def test_project_budget_counts_the_instances_of_all_owners(bench: Bench) -> None:
    budgets = bench.root("PATCH", "/desk", {"project_budgets": {"vision": "6.00", "old": "1"}}).json["project_budgets"]
    assert budgets == {"old": "1", "vision": "6.00"}
    assert bench.root("PATCH", "/desk", {"project_budgets": {"old": None}}).json["project_budgets"] == {
        "vision": "6.00"
    }
    assert bench.bob("POST", "/instances", {**LAUNCH, "project": "vision"}).status == 202
    refused = bench.ada("POST", "/instances", {**LAUNCH, "project": "vision"})
    assert (refused.status, refused.json["budget"]["scope"], refused.json["budget"]["name"]) == (
        409,
        "project",
        "vision",
    )
    assert bench.ada("POST", "/instances", LAUNCH).status == 202
    assert [use["name"] for use in bench.root("GET", "/costs").json["budgets"]] == ["vision"]
    entry = bench.root("GET", "/desk/timeline").json["items"][-1]
    assert entry["message"] == "root changed project_budgets.old from 1 to none."


def test_of_two_launches_that_read_the_same_budget_one_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_budget(bench, "6.00")
    both_have_read = threading.Barrier(2)
    reads: list[Spending] = []

    def wait(spending: Spending) -> Spending:
        reads.append(spending)
        if len(reads) <= 2:
            both_have_read.wait(timeout=10)
        return spending

    monkeypatch.setattr(
        "chalicelib.control.services.budgets.read_spending",
        lambda *args, **options: wait(read_spending(*args, **options)),
    )
    with ThreadPoolExecutor() as threads:
        names: Sequence[str] = ("first", "second")
        clients = (bench.ada, bench.create_client(bench.tokens["ada"]))
        answers = list(
            threads.map(lambda client, name: client("POST", "/instances", {**LAUNCH, "name": name}), clients, names)
        )
    assert sorted(answer.status for answer in answers) == [202, 409]
    assert next(answer for answer in answers if answer.status == 409).json["code"] == "budget_exceeded"


def test_only_admins_set_budgets(bench: Bench) -> None:
    refused = bench.ada("PATCH", "/owners/ada", {"monthly_budget": "9999"})
    assert (refused.status, refused.json["code"]) == (403, "admin_only")
    set_budget(bench, "12.5")
    assert bench.ada("GET", "/owners/ada").json["monthly_budget"] == "12.5"
    set_budget(bench, None)
    assert bench.ada("GET", "/owners/ada").json["monthly_budget"] is None
    wrong = bench.root("PATCH", "/owners/ada", {"monthly_budget": "-1"})
    message = 'must be US dollars per month as a text such as "500.00", or null for no budget, not the text "-1"'
    assert wrong.field_errors == {"monthly_budget": message}


def test_concurrent_launches_with_a_budget_end_in_202_or_409(bench: Bench) -> None:
    set_budget(bench, "28.00")
    clients = [bench.create_client(bench.tokens["ada"]) for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as threads:
        bodies = [{**LAUNCH, "name": f"name-{number}"} for number in range(len(clients))]
        answers = list(threads.map(lambda client, body: client("POST", "/instances", body), clients, bodies))
    assert sorted(answer.status for answer in answers) == [202] * 5 + [409] * 3
    assert [answer.json["code"] for answer in answers if answer.status == 409] == ["budget_exceeded"] * 3

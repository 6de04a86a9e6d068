"""Rules of budgets that hold for all orders of launches: what is spent and reserved never exceeds a budget."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.control.services.budgets import BudgetService
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.costs.budgets import Budget, BudgetScope, compute_reservation, compute_use
from chalicelib.domain.costs.forecast import forecast_month
from chalicelib.domain.costs.month import Month
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import Billing, BillingState, Meter, Rates
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.metering import get_open_segment
from chalicelib.domain.instances.record import Instance
from chalicelib.store.budget_guards import BudgetGuard
from chalicelib.store.repositories import Repositories
from local.clock import ManualClock
from tests.support.ready_instance import START
from tests.unit.costs.test_forecast import REQUESTED, RUNNING

AMOUNT = Decimal(30)
ADA = Budget(scope=BudgetScope.OWNER, name="ada", amount=AMOUNT)
OWNER = OwnerSettings(owner="ada", monthly_budget=AMOUNT)
HOUR = timedelta(hours=1)
PRICES = st.integers(1, 4).map(Decimal)


def build_launch(number: int, price: Decimal, max_hours: int = 5) -> Instance:
    """Return a requested instance."""
    policy = replace(REQUESTED.spec.policy, max_hours=max_hours)
    spec = replace(REQUESTED.spec, policy=policy)
    return replace(REQUESTED, id=f"gd-{number}", spec=spec, billing=Billing(rates=Rates(instance=price)))


@dataclass
class Tables:
    """Tables in memory, of which the index of active instances shows only the first records.

    :ivar shown: how many records the index shows
    """

    records: list[Instance] = field(default_factory=list)
    guards: dict[str, BudgetGuard] = field(default_factory=dict)
    shown: int = 0

    def list_active(self) -> Iterator[Instance]:
        return iter(self.records[: self.shown])

    def load(self, instance_id: str) -> Instance | None:
        return next((record for record in self.records if record.id == instance_id), None)

    def list_all_or_none(self, _owner: str | None) -> Iterator[Any]:
        return iter(())

    def list_segments(self, _since: date, _today: date, _owner: str | None, **_: bool) -> Iterator[BilledSegment]:
        return iter(())

    def get(self, key: str) -> BudgetGuard:
        return self.guards.get(key, BudgetGuard(key=key))

    def commit(self, instance: Instance, guards: tuple[BudgetGuard, ...]) -> bool:
        """Write a launch with its guards if no guard has changed since it was read."""
        if any(self.get(guard.key).version != guard.version for guard in guards):
            return False
        self.records.append(instance)
        self.guards |= {guard.key: replace(guard, version=(guard.version or 0) + 1) for guard in guards}
        return True


def build_service(tables: Tables) -> BudgetService:
    """Return the service with tables in memory."""
    parts: dict[str, Any] = dict.fromkeys(("instances", "images", "ledger", "budget_guards", "desk"), tables)
    stores = Repositories(**parts)
    return BudgetService(stores=stores, clock=ManualClock(START))


@given(
    st.lists(PRICES, min_size=2, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=4, max_size=40),
)
def test_no_order_of_reads_and_writes_reserves_more_than_the_budget(
    prices: list[Decimal], steps: list[tuple[int, int]]
) -> None:
    tables = Tables()
    service = build_service(tables)
    launches = [build_launch(number, price) for number, price in enumerate(prices)]
    held: dict[int, tuple[BudgetGuard, ...]] = {}
    for chosen, shown in steps:
        number = chosen % len(launches)
        tables.shown = max(tables.shown, min(shown, len(tables.records)))
        if tables.load(launches[number].id):
            continue
        if number in held:
            tables.commit(launches[number], held.pop(number))
        else:
            try:
                held[number] = service.reserve(launches[number], OWNER, DeskSettings())
            except Conflict:
                continue
    assert sum((compute_reservation(record, START) for record in tables.records), Decimal(0)) <= AMOUNT


@given(st.lists(st.tuples(PRICES, st.integers(1, 12), st.integers(0, 9)), max_size=12), st.integers(0, 20 * 24))
def test_instances_that_stop_at_their_end_never_spend_more_than_the_budget(
    launches: list[tuple[Decimal, int, int]], hours: int
) -> None:
    now, running, spent = START + hours * HOUR, list[Instance](), list[BilledSegment]()
    month = Month.of(now)
    for number, (price, max_hours, wait) in enumerate(launches):
        requested = build_launch(number, price, max_hours)
        if compute_use(ADA, list_segments(running, now) + spent, running, now).allows(
            compute_reservation(requested, now)
        ):
            meter = Meter(state=BillingState.RUNNING, since=now)
            billing = Billing(rates=requested.billing.rates, meter=meter)
            lifetime = Lifetime(started_at=now)
            running.append(replace(RUNNING, id=requested.id, spec=requested.spec, billing=billing, lifetime=lifetime))
        now += wait * HOUR
        ended = [each for each in running if (each.lifetime_ends_at or now) <= now]
        spent += [segment for each in ended if (segment := get_open_segment(each, each.lifetime_ends_at or now))]
        running = [each for each in running if each not in ended]
        if Month.of(now) != month:
            return
        use = compute_use(ADA, list_segments(running, now) + spent, running, now)
        assert use.left >= 0
        forecast = forecast_month(list_segments(running, now) + spent, running, [], now)
        assert use.spent == forecast.spent <= forecast.total == use.spent + use.reserved


def list_segments(instances: list[Instance], now: datetime) -> list[BilledSegment]:
    """Return what instances were billed until now."""
    return [segment for each in instances if (segment := get_open_segment(each, now))]

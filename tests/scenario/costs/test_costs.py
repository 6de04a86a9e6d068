"""Scenario tests of costs: an instance is billed by what EC2 shows, and the costs are summed by owner and day."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.costs.daily_costs import CostReport
from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, ADMIN, World


def test_terminated_instance_costs_nothing_more(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.application.instances.terminate(ADA, instance.id)
    instance = desk.wait_for_phase(instance, Phase.TERMINATED)
    cost = desk.get_snapshot(instance).cost_so_far
    assert cost > 0
    desk.clock.advance(timedelta(hours=10))
    assert desk.get_snapshot(instance).cost_so_far == cost


def test_costs_are_summed_by_owner_and_day_and_agree_with_the_instances(desk: World) -> None:
    stopped = desk.launch_until_stopped()
    running = desk.launch_until_ready(gpu="A10G")
    desk.clock.advance(timedelta(hours=20))
    report = CostReport(since=(desk.now - timedelta(days=2)).date(), until=desk.now.date())
    days = desk.application.costs.list_costs(ADMIN, None, report).summary.days
    assert {day.owner for day in days} == {"ada"}
    assert len(days) == 2
    total = sum((day.total for day in days), Decimal(0))
    shown = desk.get_snapshot(running).cost_so_far + desk.get_snapshot(stopped).cost_so_far
    assert abs(total - shown) < Decimal("0.0001")


def test_instance_is_billed_from_its_launch_until_ec2_says_stopped_and_then_for_its_disk(desk: World) -> None:
    instance = desk.launch_until_stopped()
    launched = next(entry.at for entry in desk.list_timeline(instance) if entry.code == "launched")
    ran = desk.list_timeline(instance)[-1].at - launched
    rates = instance.billing.rates
    assert rates.instance is not None
    assert rates.disk is not None
    expected = (rates.instance + rates.disk + rates.address) * Decimal(ran.seconds) / 3600
    assert abs(instance.billing.meter.accrued - expected) < Decimal("0.0001")
    before = desk.get_snapshot(instance).cost_so_far
    desk.clock.advance(timedelta(hours=10))
    assert abs(desk.get_snapshot(instance).cost_so_far - before - rates.disk * 10) < Decimal("0.0001")

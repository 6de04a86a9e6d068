"""Scenario tests of costs: an instance is billed by what EC2 shows, and the costs are summed by owner and day."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, ADMIN, World


def test_terminated_instance_costs_nothing_more(desk: World) -> None:
    instance = desk.ready()
    desk.desk.instances.terminate(ADA, instance.id)
    instance = desk.until(instance, Phase.TERMINATED)
    cost = desk.show(instance).cost_so_far
    assert cost > 0
    desk.clock.advance(timedelta(hours=10))
    assert desk.show(instance).cost_so_far == cost


def test_costs_are_summed_by_owner_and_day_and_agree_with_the_instances(desk: World) -> None:
    stopped = desk.stopped()
    running = desk.ready(gpu="A10G")
    desk.clock.advance(timedelta(hours=20))
    days = desk.desk.queries.list_costs(
        ADMIN, owner=None, since=(desk.now - timedelta(days=2)).date(), until=desk.now.date()
    )
    assert {day.owner for day in days} == {"ada"}
    assert len(days) == 2
    total = sum((day.total for day in days), Decimal(0))
    shown = desk.show(running).cost_so_far + desk.show(stopped).cost_so_far
    assert abs(total - shown) < Decimal("0.0001")


def test_instance_is_billed_from_its_launch_until_ec2_says_stopped_and_then_for_its_disk(desk: World) -> None:
    instance = desk.stopped()
    launched = next(entry.at for entry in desk.timeline(instance) if entry.code == "launched")
    ran = desk.timeline(instance)[-1].at - launched
    rates = instance.billing.rates
    expected = (rates.instance + rates.disk + rates.address) * Decimal(ran.seconds) / 3600
    assert abs(instance.billing.meter.accrued - expected) < Decimal("0.0001")
    before = desk.show(instance).cost_so_far
    desk.clock.advance(timedelta(hours=10))
    assert abs(desk.show(instance).cost_so_far - before - rates.disk * 10) < Decimal("0.0001")

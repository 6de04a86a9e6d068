"""Seconds times price: running, the disk of what is stopped, the public address; per owner and day."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, ADMIN, World


def test_a_stopped_instance_costs_its_disk_alone(desk: World) -> None:
    instance = desk.until(desk.ready(idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    before = desk.show(instance).cost_so_far
    desk.clock.advance(timedelta(hours=10))
    after = desk.show(instance).cost_so_far
    assert abs(after - before - instance.billing.rates.disk * 10) < Decimal("0.0001")


def test_a_terminated_instance_costs_nothing_more(desk: World) -> None:
    instance = desk.ready()
    desk.desk.instances.terminate(ADA, instance.id)
    instance = desk.until(instance, Phase.TERMINATED)
    cost = desk.show(instance).cost_so_far
    assert cost > 0
    desk.clock.advance(timedelta(hours=10))
    assert desk.show(instance).cost_so_far == cost


def test_costs_are_summed_per_owner_and_day_and_agree_with_the_instances(desk: World) -> None:
    first = desk.ready(max_hours=24)
    second = desk.until(desk.ready(gpu="A10G", idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    desk.clock.advance(timedelta(hours=20))
    days = desk.desk.queries.list_costs(
        ADMIN, owner=None, since=(desk.now - timedelta(days=2)).date(), until=desk.now.date()
    )
    assert {day.owner for day in days} == {"ada"}
    assert len(days) == 2
    total = sum((day.total for day in days), Decimal(0))
    shown = desk.show(first).cost_so_far + desk.show(second).cost_so_far
    assert abs(total - shown) < Decimal("0.0001")


def test_the_time_counts_from_ec2_s_launch_until_ec2_says_stopped(desk: World) -> None:
    instance = desk.ready(idle_minutes=5, warning_minutes=5)
    machine = instance.ec2_instance
    assert machine is not None
    instance = desk.until(instance, Phase.STOPPED)
    ran = desk.timeline(instance)[-1].at - machine.launched_at
    expected = (
        (instance.billing.rates.instance + instance.billing.rates.disk + instance.billing.rates.address)
        * Decimal(ran.seconds)
        / 3600
    )
    assert abs(instance.billing.meter.accrued - expected) < Decimal("0.0001")

"""Seconds times price: running, the disk of what is stopped, the public address; per owner and day."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, ADMIN, World


def test_a_stopped_instance_costs_its_disk_alone(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch_until_ready(idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    before = desk.get_snapshot(instance).cost_so_far
    desk.clock.advance(timedelta(hours=10))
    after = desk.get_snapshot(instance).cost_so_far
    assert abs(after - before - instance.billing.rates.disk * 10) < Decimal("0.0001")


def test_a_terminated_instance_costs_nothing_more(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.application.instances.terminate(ADA, instance.id)
    instance = desk.wait_for_phase(instance, Phase.TERMINATED)
    cost = desk.get_snapshot(instance).cost_so_far
    assert cost > 0
    desk.clock.advance(timedelta(hours=10))
    assert desk.get_snapshot(instance).cost_so_far == cost


def test_costs_are_summed_per_owner_and_day_and_agree_with_the_instances(desk: World) -> None:
    first = desk.launch_until_ready(max_hours=24)
    second = desk.wait_for_phase(desk.launch_until_ready(gpu="A10G", idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    desk.clock.advance(timedelta(hours=20))
    days = desk.application.queries.list_costs(
        ADMIN, owner=None, since=(desk.now - timedelta(days=2)).date(), until=desk.now.date()
    )
    assert {day.owner for day in days} == {"ada"}
    assert len(days) == 2
    total = sum((day.total for day in days), Decimal(0))
    shown = desk.get_snapshot(first).cost_so_far + desk.get_snapshot(second).cost_so_far
    assert abs(total - shown) < Decimal("0.0001")


def test_the_time_counts_from_ec2_s_launch_until_ec2_says_stopped(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
    machine = instance.ec2_instance
    assert machine is not None
    instance = desk.wait_for_phase(instance, Phase.STOPPED)
    ran = desk.list_timeline(instance)[-1].at - machine.launched_at
    expected = (
        (instance.billing.rates.instance + instance.billing.rates.disk + instance.billing.rates.address)
        * Decimal(ran.seconds)
        / 3600
    )
    assert abs(instance.billing.meter.accrued - expected) < Decimal("0.0001")

"""Scenario tests of costs: an instance is billed by what EC2 shows, and the costs are summed by owner and day."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.costs.daily_costs import CostReport
from chalicelib.domain.images.record import ImagePhase
from chalicelib.domain.instances.record import Phase
from tests.support.images import create_available_image, load_image
from tests.support.world import ADA, ADMIN, World


def test_terminated_instance_costs_nothing_more(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.application.instances.terminate(ADA, instance.id)
    instance = desk.wait_for_phase(instance, Phase.TERMINATED)
    cost = desk.get_snapshot(instance).cost_so_far
    assert cost > 0
    desk.clock.advance(timedelta(hours=10))
    assert desk.get_snapshot(instance).cost_so_far == cost


def test_stopped_time_stays_billed_as_stopped_when_the_instance_is_terminated(desk: World) -> None:
    instance = desk.launch_until_stopped()
    desk.clock.advance(timedelta(days=3))
    before = desk.get_snapshot(instance).cost_so_far
    desk.application.instances.terminate(ADA, instance.id)
    ended = desk.wait_for_phase(instance, Phase.TERMINATED)
    assert desk.get_snapshot(ended).cost_so_far - before < Decimal("0.01")


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


def test_stop_for_idleness_saves_until_the_lifetime_would_have_ended(desk: World) -> None:
    warned = desk.launch_until_warned()
    stopped = desk.wait_for_phase(warned, Phase.STOPPED)
    ends_at, stopped_at = warned.lifetime_ends_at, stopped.billing.meter.since
    assert ends_at is not None
    assert stopped_at is not None
    desk.clock.advance(timedelta(hours=20))
    costs = desk.application.costs.list_costs(ADA, None, CostReport(since=stopped_at.date(), until=desk.now.date()))
    rates = stopped.billing.rates
    expected = ((rates.instance or 0) + rates.address) * Decimal((ends_at - stopped_at).total_seconds()) / 3600
    assert costs.savings.stops == 1
    assert abs(costs.savings.amount - expected) < Decimal("0.0001")
    assert abs(costs.forecast.spent - costs.summary.total) < Decimal("0.0001")


def test_image_is_billed_until_it_is_deleted(desk: World) -> None:
    instance = desk.launch_until_ready()
    image = create_available_image(desk, instance)
    report = CostReport(since=desk.now.date() - timedelta(days=1), until=desk.now.date() + timedelta(days=3))
    desk.clock.advance(timedelta(hours=10))
    before = desk.application.costs.list_costs(ADA, None, report).summary
    desk.application.images.delete(ADA, image.id)
    desk.pass_minutes(3)
    assert load_image(desk, image).phase is ImagePhase.DELETED
    desk.clock.advance(timedelta(hours=10))
    after = desk.application.costs.list_costs(ADA, None, report).summary
    billed = [sum(day.images for day in summary.days) for summary in (before, after)]
    assert billed[0] > 0
    assert billed[0] <= billed[1] < billed[0] * Decimal("1.02")
    assert before.has_estimates
    assert not after.is_incomplete

"""Scenario tests of the handlers in app.py: an event only starts a pass, so lost and repeated events are harmless."""

import random
from collections.abc import Iterator

import pytest

import app
from chalicelib import bootstrap
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.store.instances.table import InstanceModel
from local.aws.core.delivery import Delivery, EventHandlers
from tests.support.world import ADA, MINUTE, World


@pytest.fixture
def delivery(desk: World) -> Iterator[Delivery]:
    """Deliver the filtered stream, the events of EC2 and SSM, and the schedule to the Lambda handlers."""

    def on_event(event: dict[str, object]) -> None:
        handler = app.on_ec2_state_change if event["source"] == "aws.ec2" else app.on_ssm_command_change
        handler(event, None)

    bootstrap.set_application(desk.application)
    yield Delivery(
        desk.cloud,
        EventHandlers(
            on_stream=lambda event: app.on_instances_stream(event, None),
            on_event=on_event,
            on_schedule=lambda event: app.sweep(event, None),
        ),
        [InstanceModel.Meta.table_name],
        stream_filter=lambda _, new: new is not None and "user_write" in new,
    )
    bootstrap.set_application(None)


def count_passes(desk: World) -> int:
    """Return how often gpudesk has observed instances."""
    return desk.cloud.calls["ec2:DescribeInstances"]


def live(desk: World, delivery: Delivery, minutes: int) -> None:
    """Let minutes pass and deliver the events of each."""
    for _ in range(minutes):
        desk.clock.advance(MINUTE)
        desk.cloud.tick()
        delivery.deliver_all()


def live_until(desk: World, delivery: Delivery, instance: Instance, phase: Phase) -> None:
    """Let minutes pass until the instance is in a phase."""
    for _ in range(10):
        live(desk, delivery, 1)
        if desk.load(instance).phase is phase:
            return
    raise AssertionError(f"{instance.name} is {desk.load(instance).phase}")


def test_launch_request_starts_at_most_three_passes(desk: World, delivery: Delivery) -> None:
    instance = desk.launch()
    delivered = delivery.deliver_all()
    assert desk.load(instance).phase is Phase.BOOTING, "started by the write, not by the schedule"
    assert delivered <= 3
    assert count_passes(desk) <= 3


def test_write_of_the_control_loop_starts_no_pass(desk: World, delivery: Delivery) -> None:
    instance = desk.launch()
    live_until(desk, delivery, instance, Phase.READY)
    live(desk, delivery, 1)
    before = count_passes(desk)
    live(desk, delivery, 4)
    assert count_passes(desk) - before == 4, "a sweep each minute, and nothing else"


def test_sweep_replaces_a_stream_that_is_lost_entirely(desk: World, delivery: Delivery) -> None:
    delivery.faults.drop_streams = True
    instance = desk.launch()
    live_until(desk, delivery, instance, Phase.READY)


def test_repeated_events_in_any_order_change_nothing(desk: World, delivery: Delivery) -> None:
    delivery.faults.deliver_twice = True
    delivery.faults.shuffle = random.Random(7)
    instance = desk.launch()
    live_until(desk, delivery, instance, Phase.READY)
    desk.application.instances.stop(ADA, instance.id)
    live_until(desk, delivery, instance, Phase.STOPPED)
    live(desk, delivery, 1)
    assert desk.cloud.calls["ec2:RunInstances"] == 1
    assert desk.cloud.calls["ec2:StopInstances"] == 1
    assert desk.cloud.calls["ssm:SendCommand"] == 2

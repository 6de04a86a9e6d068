"""The loop driven by the handlers of app.py: an event says "look now"; lost or doubled, it changes nothing."""

import random
from collections.abc import Iterator

import pytest

import app
from chalicelib import bootstrap
from chalicelib.domain.instances.record import Phase
from local.aws.core.delivery import Delivery, EventHandlers
from tests.support.world import ADA, MINUTE, World


@pytest.fixture
def delivery(desk: World) -> Iterator[Delivery]:
    """The stream with its filter, EC2's and SSM's events, and the schedule, to the Lambda handlers."""

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
        ["gpudesk-instances"],
        stream_filter=lambda _, new: new is not None and "user_write" in new,
    )
    bootstrap.set_application(None)


def passes_of(desk: World) -> int:
    return desk.cloud.calls["ec2:DescribeInstances"]


def live(desk: World, delivery: Delivery, minutes: int) -> None:
    for _ in range(minutes):
        desk.clock.advance(MINUTE)
        desk.cloud.tick()
        delivery.deliver_all()


def test_one_request_causes_a_bounded_number_of_passes(desk: World, delivery: Delivery) -> None:
    instance = desk.launch()
    delivered = delivery.deliver_all()
    assert desk.load(instance).phase is Phase.BOOTING, "woken by the write, not by the schedule"
    assert delivered <= 3
    assert passes_of(desk) <= 3


def test_what_the_loop_writes_does_not_wake_it(desk: World, delivery: Delivery) -> None:
    instance = desk.launch()
    live(desk, delivery, 8)
    assert desk.load(instance).phase is Phase.READY
    before = passes_of(desk)
    live(desk, delivery, 10)
    assert passes_of(desk) - before == 10, "a sweep each minute, and nothing else"


def test_a_stream_that_is_lost_entirely_is_made_up_for_by_the_sweep(desk: World, delivery: Delivery) -> None:
    delivery.faults.drop_streams = True
    instance = desk.launch()
    live(desk, delivery, 8)
    assert desk.load(instance).phase is Phase.READY


def test_events_that_come_twice_and_in_any_order_change_nothing(desk: World, delivery: Delivery) -> None:
    delivery.faults.deliver_twice = True
    delivery.faults.shuffle = random.Random(7)
    instance = desk.launch()
    live(desk, delivery, 8)
    assert desk.load(instance).phase is Phase.READY
    desk.application.instances.stop(ADA, instance.id)
    live(desk, delivery, 4)
    assert desk.load(instance).phase is Phase.STOPPED
    assert desk.cloud.calls["ec2:RunInstances"] == 1
    assert desk.cloud.calls["ec2:StopInstances"] == 1
    assert desk.cloud.calls["ssm:SendCommand"] == 2

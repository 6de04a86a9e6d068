"""What wakes the desk: golden events of the stream, of EC2 and SSM, and of the schedule, through the app's handlers."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import app as application
from chalicelib import bootstrap
from chalicelib.control.loop.loop import Loop
from chalicelib.control.loop.sweep import SweepReport
from chalicelib.domain.common.clock import SystemClock
from chalicelib.settings import read_settings
from local.aws.core.delivery import Delivery, EventHandlers
from tests.api.client import Bench

EVENTS = Path(__file__).parent.parent / "golden" / "events"

ONE, OTHER = "gd-0123456789abcdef", "gd-fedcba9876543210"
MACHINE = "i-0abcd1111ef122222"


@dataclass(frozen=True)
class Recorder(Loop):
    """A loop that writes down what it is asked to look at."""

    looked: list[str] = field(default_factory=list)
    fails_on: str | None = None

    def sweep(self) -> SweepReport:
        self.looked.append("everything")
        return SweepReport()

    def watch(self) -> bool:
        self.looked.append("the sweep")
        return False

    def reconcile(self, record_id: str) -> None:
        self.looked.append(record_id)
        if record_id == self.fails_on:
            raise RuntimeError("this one cannot be looked at")

    def reconcile_machine(self, ec2_instance_id: str) -> None:
        self.looked.append(ec2_instance_id)


def recorder(fails_on: str | None = None) -> Recorder:
    desk = bootstrap.build_application(SystemClock(), read_settings({}))
    loop = Recorder(desk.loop.reconciler, desk.loop.sweeper, desk.loop.watcher, fails_on=fails_on)
    bootstrap.set_application(replace(desk, loop=loop))
    return loop


@pytest.fixture
def loop() -> Iterator[Recorder]:
    yield recorder()
    bootstrap.set_application(None)


def golden(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


HANDLERS = {
    "stream": application.on_instances_stream,
    "ec2": application.on_ec2_state_change,
    "ssm": application.on_ssm_command_change,
    "scheduled": application.sweep,
}


@pytest.mark.parametrize(
    ("event", "looked"),
    [
        ("stream_person_asked", [ONE]),
        ("stream_loop_wrote", []),
        ("stream_record_vanished", []),
        ("stream_mixed", [ONE, OTHER]),
        ("stream_without_records", []),
        ("ec2_running", [MACHINE]),
        ("ec2_spot_notice", []),
        ("ec2_without_instance", []),
        ("ec2_odd_instance", []),
        ("ec2_no_instance_id", []),
        ("ssm_invocation_succeeded", [MACHINE]),
        ("ssm_command_succeeded", []),
        ("scheduled", ["everything"]),
    ],
)
def test_an_event_says_where_to_look_and_nothing_more(loop: Recorder, event: str, looked: list[str]) -> None:
    HANDLERS[event.split("_", maxsplit=1)[0]](golden(event), None)
    assert loop.looked == looked


def test_a_schedule_of_its_own_looks_after_the_sweep(loop: Recorder) -> None:
    application.check_sweep_health(golden("scheduled"), None)
    assert loop.looked == ["the sweep"]


def test_every_golden_event_is_tried() -> None:
    assert {path.stem.split("_")[0] for path in EVENTS.glob("*.json")} == set(HANDLERS)


@pytest.mark.parametrize(
    "event",
    ["stream_mixed", "stream_without_records", "ec2_without_instance", "ec2_odd_instance", "ec2_no_instance_id"],
)
def test_what_cannot_be_read_is_logged(loop: Recorder, event: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        HANDLERS[event.split("_", maxsplit=1)[0]](golden(event), None)
    assert "dropped" in caplog.text


@pytest.mark.parametrize("event", ["stream_loop_wrote", "stream_record_vanished", "ssm_command_succeeded"])
def test_what_is_no_news_is_not_worth_a_line(loop: Recorder, event: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        HANDLERS[event.split("_", maxsplit=1)[0]](golden(event), None)
    assert caplog.text == ""


def test_a_look_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    loop = recorder(fails_on=ONE)
    with caplog.at_level(logging.ERROR):
        application.on_instances_stream(golden("stream_mixed"), None)
    bootstrap.set_application(None)
    assert loop.looked == [ONE, OTHER]
    assert f"{ONE} could not be looked at" in caplog.text


def test_a_request_reaches_the_loop_by_the_stream_alone(bench: Bench) -> None:
    delivery = Delivery(
        bench.world.cloud,
        EventHandlers(
            on_stream=lambda event: application.on_instances_stream(event, None),
            on_event=lambda event: application.on_ec2_state_change(event, None),
            on_schedule=lambda event: application.sweep(event, None),
        ),
        tables=["gpudesk-instances"],
    )
    asked = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    delivery.deliver_due()
    shown = bench.ada("GET", f"/instances/{asked['id']}").json
    assert shown["status"]["instance_id"].startswith("i-")

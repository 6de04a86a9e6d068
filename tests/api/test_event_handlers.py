"""Event handlers of app.py, with golden events of the stream, EC2, SSM and the schedule."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import app as application
from chalicelib import bootstrap, events
from chalicelib.control.loop.budget_watch import BudgetWatch
from chalicelib.control.loop.follow_quota_requests import QuotaRequestFollower
from chalicelib.control.loop.list_foreign_instances import ForeignInstanceLister
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.refresh_catalog import CatalogRefresher, CatalogReport
from chalicelib.control.loop.refresh_offers import OfferRefresher, RefreshReport
from chalicelib.control.loop.sweep import Sweep
from chalicelib.control.loop.sweep_report import SweepReport
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.control.loop.tag_for_adoption import AdoptionTagger
from chalicelib.control.services.catalog_updates import CatalogUpdates
from chalicelib.domain.common.clock import SystemClock
from chalicelib.domain.foreign.adoption import Adoption
from chalicelib.domain.foreign.inventory import Inventory
from chalicelib.domain.instances.spot import InterruptionAction, SpotEvent
from chalicelib.domain.offers.quota_request import QuotaRequest
from chalicelib.store.instances.table import InstanceModel
from local.aws.core.delivery import Delivery, EventHandlers
from local.settings import read_local_settings
from tests.api.client import Bench
from tests.support.world import build_application

EVENTS = Path(__file__).parent.parent / "golden" / "events"

ONE, OTHER = "gd-0123456789abcdef", "gd-fedcba9876543210"
EC2_ID = "i-0abcd1111ef122222"


@dataclass
class CallLog:
    """Log of the reconciled records and the checks, in order.

    :ivar fails_on: id of the record whose reconciliation raises an error
    :ivar seconds_left: the time that the last function was told
    """

    calls: list[str] = field(default_factory=list)
    seconds_left: float | None = None
    fails_on: str | None = None


@dataclass(frozen=True)
class RecordingReconciler(Reconciler):
    """A reconciler that only logs its calls."""

    log: CallLog

    def reconcile(self, record_id: str) -> None:
        self.log.calls.append(record_id)
        if record_id == self.log.fails_on:
            raise RuntimeError("this record cannot be reconciled")

    def reconcile_ec2(self, ec2_instance_id: str) -> None:
        self.log.calls.append(ec2_instance_id)


@dataclass(frozen=True)
class RecordingImageReconciler(ImageReconciler):
    """An image reconciler that only logs its calls."""

    log: CallLog

    def reconcile_for_instance(self, instance_id: str) -> None:
        self.log.calls.append(f"image of {instance_id}")


@dataclass(frozen=True)
class RecordingSweep(Sweep):
    """A sweep that only logs its calls."""

    log: CallLog = field(default_factory=CallLog)

    def run(self, seconds_left: float | None = None) -> SweepReport:
        self.log.calls.append("everything")
        self.log.seconds_left = seconds_left
        return SweepReport()


@dataclass(frozen=True)
class RecordingRefresher(OfferRefresher):
    """A refresher of offers that only logs its calls."""

    log: CallLog = field(default_factory=CallLog)

    def run_due(self, seconds_left: float | None = None) -> RefreshReport:
        self.log.calls.append("offers")
        self.log.seconds_left = seconds_left
        return RefreshReport()


@dataclass(frozen=True)
class RecordingFollower(QuotaRequestFollower):
    """A follower of requests to increase quotas that only logs its calls."""

    log: CallLog = field(default_factory=CallLog)

    def run(self, seconds_left: float | None = None) -> list[QuotaRequest]:
        self.log.calls.append("quotas")
        self.log.seconds_left = seconds_left
        return []


@dataclass(frozen=True)
class RecordingLister(ForeignInstanceLister):
    """A lister of foreign instances that only logs its calls."""

    log: CallLog = field(default_factory=CallLog)

    def run(self, seconds_left: float | None = None) -> Inventory:
        self.log.calls.append("foreign instances")
        self.log.seconds_left = seconds_left
        return Inventory()


@dataclass(frozen=True)
class RecordingAdoptionTagger(AdoptionTagger):
    """A tagger of adoptions that only logs its calls."""

    log: CallLog = field(default_factory=CallLog)

    def run(self) -> list[Adoption]:
        self.log.calls.append("adoptions")
        return []


@dataclass(frozen=True)
class RecordingCatalogRefresher(CatalogRefresher):
    """A refresher of the catalog that only logs its calls."""

    log: CallLog = field(default_factory=CallLog)

    def run(self, seconds_left: float | None = None) -> CatalogReport:
        self.log.calls.append("catalog")
        self.log.seconds_left = seconds_left
        return CatalogReport()


class NoUpdates(CatalogUpdates):
    """The catalog of a process that never becomes outdated."""

    def find_new(self, max_age: timedelta) -> None:
        return None


@dataclass(frozen=True)
class RecordingSender(NotificationSender):
    """A sender that only logs its calls."""

    log: CallLog = field(default_factory=CallLog)

    def run(self, seconds_left: float | None = None) -> int:
        self.log.calls.append("notifications")
        self.log.seconds_left = seconds_left
        return 0


class LambdaContext:
    """The context that Lambda passes to a function."""

    def get_remaining_time_in_millis(self) -> int:
        return 59_500


@dataclass(frozen=True)
class RecordingBudgetWatch(BudgetWatch):
    """A watch of budgets that only logs its calls."""

    log: CallLog

    def check(self) -> int:
        self.log.calls.append("budgets")
        return 0


@dataclass(frozen=True)
class RecordingWatchdog(SweepWatchdog):
    """A watchdog that only logs its calls."""

    log: CallLog

    def check(self) -> bool:
        self.log.calls.append("the sweep")
        return False


def install_recorders(fails_on: str | None = None) -> CallLog:
    application, log = build_application(SystemClock(), read_local_settings()), CallLog(fails_on=fails_on)
    bootstrap.set_application(
        replace(
            application,
            reconciler=RecordingReconciler(**vars(application.reconciler), log=log),
            image_reconciler=RecordingImageReconciler(**vars(application.image_reconciler), log=log),
            sweep=RecordingSweep(**vars(application.sweep), log=log),
            notifications=RecordingSender(**vars(application.notifications), log=log),
            catalog_refresher=RecordingCatalogRefresher(**vars(application.catalog_refresher), log=log),
            catalog_updates=NoUpdates(application.catalog_updates.catalog, SystemClock()),
            offer_refresher=RecordingRefresher(**vars(application.offer_refresher), log=log),
            budget_watch=RecordingBudgetWatch(**vars(application.budget_watch), log=log),
            quota_request_follower=RecordingFollower(**vars(application.quota_request_follower), log=log),
            foreign_instance_lister=RecordingLister(**vars(application.foreign_instance_lister), log=log),
            adoption_tagger=RecordingAdoptionTagger(**vars(application.adoption_tagger), log=log),
            sweep_watchdog=RecordingWatchdog(**vars(application.sweep_watchdog), log=log),
        )
    )
    return log


@pytest.fixture
def log() -> Iterator[CallLog]:
    yield install_recorders()
    bootstrap.set_application(None)


def load_event(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


HANDLERS = {
    "stream": application.on_instances_stream,
    "ec2": application.on_ec2_state_change,
    "ssm": application.on_ssm_command_change,
    "scheduled": application.sweep,
}


@pytest.mark.parametrize(
    ("event", "calls"),
    [
        ("stream_user_write", [ONE, f"image of {ONE}"]),
        ("stream_loop_write", []),
        ("stream_record_vanished", []),
        ("stream_mixed", [ONE, f"image of {ONE}", OTHER, f"image of {OTHER}"]),
        ("stream_without_records", []),
        ("ec2_running", [EC2_ID]),
        ("ec2_spot_notice", []),
        ("ec2_without_instance", []),
        ("ec2_odd_instance", []),
        ("ec2_no_instance_id", []),
        ("ssm_invocation_succeeded", [EC2_ID]),
        ("ssm_command_succeeded", []),
        ("scheduled", ["everything"]),
    ],
)
def test_event_reconciles_only_the_records_it_names(log: CallLog, event: str, calls: list[str]) -> None:
    HANDLERS[event.split("_", maxsplit=1)[0]](load_event(event), None)
    assert log.calls == calls


def test_spot_events_are_read() -> None:
    warning = load_event("ec2_spot_notice")
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    expected = SpotEvent(ec2_instance_id=EC2_ID, action=InterruptionAction.STOP, at=at)
    assert events.parse_spot_event(warning) == expected
    rebalance = {**warning, "detail-type": "EC2 Instance Rebalance Recommendation", "detail": {"instance-id": EC2_ID}}
    assert events.parse_spot_event(rebalance) == replace(expected, action=None)
    for broken in ({"time": "noon"}, {"time": None}, {"detail": {"instance-id": EC2_ID, "instance-action": "dance"}}):
        assert events.parse_spot_event({**warning, **broken}) is None
    assert events.parse_spot_event(load_event("ec2_running")) is None


def test_adoption_schedule_adopts(log: CallLog) -> None:
    application.tag_for_adoption(load_event("scheduled"), None)
    assert log.calls == ["adoptions"]


def test_watchdog_schedule_checks_the_sweep(log: CallLog) -> None:
    application.check_sweep_health(load_event("scheduled"), None)
    assert log.calls == ["the sweep"]


def test_budget_schedule_checks_the_budgets(log: CallLog) -> None:
    application.check_budgets(load_event("scheduled"), None)
    assert log.calls == ["budgets"]


@pytest.mark.parametrize(
    ("function", "call"),
    [
        (application.sweep, "everything"),
        (application.deliver_notifications, "notifications"),
        (application.refresh_offers, "offers"),
        (application.follow_quota_requests, "quotas"),
        (application.list_foreign_instances, "foreign instances"),
        (application.refresh_catalog, "catalog"),
    ],
)
def test_schedules_know_how_much_time_they_have(log: CallLog, function: Any, call: str) -> None:
    function(load_event("scheduled"), None)
    assert (log.calls, log.seconds_left) == ([call], None)
    function(load_event("scheduled"), LambdaContext())
    assert (log.calls, log.seconds_left) == ([call, call], 59.5)


def test_every_golden_event_has_a_handler() -> None:
    assert {path.stem.split("_")[0] for path in EVENTS.glob("*.json")} == set(HANDLERS)


@pytest.mark.parametrize(
    "event",
    ["stream_mixed", "stream_without_records", "ec2_without_instance", "ec2_odd_instance", "ec2_no_instance_id"],
)
def test_unreadable_event_is_logged(log: CallLog, event: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        HANDLERS[event.split("_", maxsplit=1)[0]](load_event(event), None)
    assert "dropped" in caplog.text


@pytest.mark.parametrize("event", ["stream_loop_write", "stream_record_vanished", "ssm_command_succeeded"])
def test_irrelevant_event_is_not_logged(log: CallLog, event: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        HANDLERS[event.split("_", maxsplit=1)[0]](load_event(event), None)
    assert caplog.text == ""


def test_failed_reconciliation_is_reported_and_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    log = install_recorders(fails_on=ONE)
    with caplog.at_level(logging.ERROR):
        answer = application.on_instances_stream(load_event("stream_mixed"), None)
    bootstrap.set_application(None)
    assert log.calls == [ONE, OTHER, f"image of {OTHER}"]
    assert f"{ONE} could not be reconciled" in caplog.text
    (failure,) = answer["batchItemFailures"]
    assert failure == {"itemIdentifier": "10000000000000000000006"}, "the first change of the record in the batch"


def test_launch_request_reaches_ec2_through_the_stream_only(bench: Bench) -> None:
    delivery = Delivery(
        bench.world.cloud,
        EventHandlers(
            on_stream=lambda event: application.on_instances_stream(event, None),
            on_event=lambda event: application.on_ec2_state_change(event, None),
            on_schedule=lambda event: application.sweep(event, None),
        ),
        tables=[InstanceModel.Meta.table_name],
    )
    launched = bench.ada("POST", "/instances", {"gpu": "T4"}).json
    delivery.deliver_due()
    instance = bench.ada("GET", f"/instances/{launched['id']}").json
    assert instance["status"]["instance_id"].startswith("i-")

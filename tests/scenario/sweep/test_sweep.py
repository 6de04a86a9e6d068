"""Scenario tests of a sweep that has much to do and little time."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, repeat

from chalicelib.control.loop.instance_index import ObservedInstances
from chalicelib.control.loop.observe_instance import Observer
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.sweep import decode_left_over
from chalicelib.control.loop.sweep_report import SweepReport
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation, Unavailable
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.sweep_order import LeftOver
from chalicelib.store.desk import SWEEP_LEASE_NAME
from tests.support.world import MINUTE, World


@dataclass(frozen=True)
class RecordingReconciler(Reconciler):
    """A reconciler that only logs which record it gets."""

    names: list[str] = field(default_factory=list)

    def run_once(self, instance: Instance, observation: Observation, context: DecisionContext) -> bool:
        self.names.append(instance.name)
        return False


@dataclass(frozen=True)
class SilentRegionsObserver(Observer):
    """An observer to whom only us-east-1 responds. Each other region takes 13 seconds until the timeout."""

    seconds: list[float] = field(default_factory=lambda: [0.0])

    def list_instances(self, region: str, record_id: str | None = None) -> ObservedInstances:
        if region == "us-east-1":
            return super().list_instances(region, record_id)
        self.seconds[0] += 13
        return Unavailable("ReadTimeoutError: No response.")


def add_records(desk: World, count: int) -> None:
    """Add records of stopped instances, and one of a ready instance that EC2 does not show."""
    waiting = desk.launch()
    instances = desk.application.reconciler.stores.instances
    stopped = replace(waiting.spec, desired=DesiredState.STOPPED)
    for number in range(count):
        record = replace(waiting, id=f"gd-{number}", name=f"stopped-{number}", phase=Phase.STOPPED, spec=stopped)
        instances.adopt(record, [])
    instances.adopt(replace(waiting, id="gd-ready", name="ready", phase=Phase.READY), [])


def record_names(desk: World) -> list[str]:
    """Make the sweep only log the names of the records, and return the log."""
    reconciler = RecordingReconciler(**vars(desk.application.reconciler))
    desk.application = replace(desk.application, sweep=replace(desk.application.sweep, reconciler=reconciler))
    return reconciler.names


START = 2
"""Looks at the time before the work: for the budget and for the lease."""

RECORD = 2
"""Looks at the time for a record: before it is observed, and before gpudesk acts."""


def sweep_with_time_for(desk: World, looks: int) -> SweepReport:
    """Run a sweep whose time ends after this many looks at it: one for a region or its orphans, RECORD for a record."""
    times = chain(repeat(0.0, START + looks), repeat(1000.0))
    return replace(desk.application.sweep, monotonic=lambda: next(times)).run()


def test_sweep_without_time_leaves_the_rest_to_the_next_which_begins_there(desk: World) -> None:
    add_records(desk, 4)
    names = record_names(desk)
    assert sweep_with_time_for(desk, 1 + 1 + 2 * RECORD).left_over == 4
    assert names[0] == "ready", "what runs comes first"
    assert sweep_with_time_for(desk, 1 + 3 * RECORD).left_over == 4
    assert sweep_with_time_for(desk, 40).left_over == 0
    assert len(set(names[:6])) == 6, "every record is examined before another one is examined again"


def test_sweep_without_time_releases_its_lease_and_is_complete_when_the_old_rest_is_done(desk: World) -> None:
    add_records(desk, 2)
    record_names(desk)
    store = desk.application.reconciler.stores.desk
    for looks, is_complete in ((1 + RECORD, False), (2 + RECORD, False), (1 + 2 * RECORD, True)):
        report = sweep_with_time_for(desk, looks)
        assert (report.is_skipped, report.left_over > 0) == (False, True)
        assert (store.get_last_completed_at(SWEEP_LEASE_NAME) is not None) is is_complete


def test_nothing_is_done_to_an_instance_whose_observation_took_the_time(desk: World) -> None:
    add_records(desk, 2)
    names = record_names(desk)
    assert sweep_with_time_for(desk, 2 + RECORD + 1).left_over == 3
    assert names == ["ready"]
    assert sweep_with_time_for(desk, 1 + 1).left_over == 4, "it may not be the first one in every sweep"
    assert sweep_with_time_for(desk, 40).left_over == 0
    assert len(set(names)) == 4


def test_sweep_is_not_complete_while_the_old_rest_cannot_be_done(desk: World) -> None:
    add_records(desk, 0)
    record_names(desk)
    assert sweep_with_time_for(desk, 1 + 1 + RECORD).left_over == 1
    assert sweep_with_time_for(desk, 1 + 1).left_over == 2
    assert desk.application.reconciler.stores.desk.get_last_completed_at(SWEEP_LEASE_NAME) is None


def test_region_for_which_there_was_no_time_is_read_first(desk: World) -> None:
    far = desk.launch()
    instances = desk.application.reconciler.stores.instances
    instances.adopt(replace(far, id="gd-far", name="far", spec=replace(far.spec, region="us-west-2")), [])
    record_names(desk)
    store = desk.application.reconciler.stores.desk
    for unread in ("us-west-2", "us-east-1"):
        sweep_with_time_for(desk, 1)
        note = store.acquire_lease(SWEEP_LEASE_NAME, "test", now=desk.now, duration=timedelta(0))
        assert note is not None
        assert decode_left_over(note).regions == (unread,)


def test_lease_of_a_sweep_that_lambda_has_ended_is_free_for_the_next_one(desk: World) -> None:
    store = desk.application.reconciler.stores.desk
    assert store.acquire_lease(SWEEP_LEASE_NAME, "killed", now=desk.now, duration=MINUTE) is not None
    assert desk.application.sweep.run(60.0).is_skipped
    desk.clock.advance(MINUTE)
    assert not desk.application.sweep.run(60.0).is_skipped


def test_sweep_whose_predecessor_left_an_unreadable_note_begins_at_the_start(desk: World) -> None:
    store = desk.application.reconciler.stores.desk
    store.acquire_lease(SWEEP_LEASE_NAME, "other", now=desk.now, duration=MINUTE)
    store.release_lease(SWEEP_LEASE_NAME, "other", now=desk.now, note="{", is_complete=True)
    desk.launch()
    assert desk.application.sweep.run().examined == 1
    assert decode_left_over("[]") == LeftOver()


def test_five_launches_without_capacity_make_hardly_more_calls_than_one(desk: World) -> None:
    for zone in "abcdef":
        desk.cloud.capacity.set("g4dn.xlarge", f"us-east-1{zone}", 0)
    instances = [desk.launch(key=str(number)) for number in range(5)]
    desk.clock.advance(MINUTE)
    before = desk.cloud.calls.copy()
    desk.application.sweep.run()
    calls = desk.cloud.count_calls_since(before)
    assert calls["ec2:RunInstances"] == 5, "each zone that offers the type refuses once, for all"
    assert sum(count for name, count in calls.items() if not name.startswith("dynamodb")) <= 12
    assert calls["dynamodb:Query"] == 3, "active records for the sweep and for all launches, and pending images"
    desk.wait_until(instances[0], lambda now: now.reason.code == "no_capacity_yet", minutes=4)
    for zone in "abcdef":
        desk.cloud.capacity.set("g4dn.xlarge", f"us-east-1{zone}", None)
    desk.pass_minutes(4)
    assert len(desk.list_ec2_ids()) == 5


def test_silent_regions_do_not_take_the_time_of_the_others(desk: World) -> None:
    desk.launch()
    names = record_names(desk)
    before = desk.application.sweep.reconciler
    observer = SilentRegionsObserver(**vars(before.observer))
    settings = replace(before.settings, regions=("ap-south-1", "eu-north-1", "eu-west-1", "us-east-1"))
    reconciler = replace(before, settings=settings, observer=observer)
    sweep = replace(desk.application.sweep, reconciler=reconciler, monotonic=lambda: observer.seconds[0])
    sweep.run()
    assert names == [], "two of the silent regions took half of the time"
    sweep.run()
    assert len(names) == 1

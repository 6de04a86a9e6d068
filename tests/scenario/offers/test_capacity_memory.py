"""Scenario tests of the memory of capacity: what EC2 has answered changes the order of zones of later launches."""

from dataclasses import replace

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Launch, Step
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.region_capacity import CapacityAnswer, RegionCapacity
from chalicelib.store.capacity import CapacityRepository
from tests.support.world import ADA, MINUTE, World

TYPE = "g4dn.xlarge"
LAUNCHED, REFUSED = Result.LAUNCHED, Result.REFUSED


class Crashed(Exception):
    """The function has ended between the answer of EC2 and the write."""


def fill_zones(desk: World, letters: str) -> None:
    """Leave no capacity in these zones of us-east-1, and any in the others."""
    for letter in "abcdef":
        desk.cloud.capacity.set(TYPE, f"us-east-1{letter}", 0 if letter in letters else None)


def list_results(desk: World, letter: str) -> tuple[Result, ...]:
    """Return what is remembered of a zone."""
    capacity = desk.application.reconciler.stores.capacity.get("us-east-1")
    return capacity.find_record(TYPE, f"us-east-1{letter}", Market.ON_DEMAND).recent


def launch_again(desk: World) -> list[str]:
    """Launch one more instance, and return the zones that were tried, in order."""
    tried: list[str] = []

    def note_zone(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Launch):
            tried.append(step.attempt.zone)

    desk.crash_after_calls(note_zone)
    desk.wait_for_phase(desk.launch(key="again"), Phase.SETTING_UP)
    return tried


def test_refused_zone_is_not_tried_first_by_the_next_launch_but_when_ec2_names_it(desk: World) -> None:
    fill_zones(desk, "a")
    desk.wait_for_phase(desk.launch(), Phase.SETTING_UP)
    fill_zones(desk, "bcdf")
    assert launch_again(desk) == [f"us-east-1{letter}" for letter in "ba"]
    assert list_results(desk, "a") == (REFUSED, LAUNCHED)
    assert list_results(desk, "b") == (LAUNCHED, REFUSED)


def test_same_refusal_counts_once_for_ten_launches_of_a_sweep(desk: World) -> None:
    fill_zones(desk, "abcdef")
    for number in range(10):
        desk.launch(key=str(number))
    desk.application.sweep.run()
    assert [list_results(desk, letter) for letter in "abcdef"] == [(REFUSED,)] * 4 + [(), (REFUSED,)]


def test_refusal_counts_once_if_the_function_ends_before_it_is_recorded(desk: World) -> None:
    fill_zones(desk, "a")
    has_crashed: list[Step] = []

    def crash_once(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Launch) and not has_crashed:
            has_crashed.append(step)
            raise Crashed

    instance = desk.launch()
    desk.crash_after_calls(crash_once)
    desk.wait_for_phase(instance, Phase.SETTING_UP)
    assert has_crashed
    assert desk.cloud.calls["ec2:RunInstances"] == 3
    assert (list_results(desk, "a"), list_results(desk, "b")) == ((REFUSED,), (LAUNCHED,))


def test_launch_counts_once_if_the_function_ends_before_it_is_recorded(desk: World) -> None:
    has_crashed: list[Step] = []

    def crash_once(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Launch) and not has_crashed:
            has_crashed.append(step)
            raise Crashed

    desk.crash_after_calls(crash_once)
    desk.wait_for_phase(desk.launch(), Phase.SETTING_UP)
    assert has_crashed
    assert list_results(desk, "a") == (LAUNCHED,)


def test_accepted_launch_that_ends_without_capacity_is_a_refusal_only(desk: World) -> None:
    desk.cloud.faults.end_launch("Server.InsufficientInstanceCapacity")
    desk.wait_for_phase(desk.launch(), Phase.READY, minutes=10)
    assert (list_results(desk, "a"), list_results(desk, "b")) == ((REFUSED,), (LAUNCHED,))


def test_refused_and_accepted_starts_count_in_the_zone_of_the_disk(desk: World) -> None:
    instance = desk.launch_until_stopped()
    desk.cloud.faults.inject("StartInstances", "InsufficientInstanceCapacity")
    desk.application.instances.start(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.READY, minutes=6)
    assert list_results(desk, "a") == (LAUNCHED, REFUSED, LAUNCHED)


def test_zone_that_a_refusal_names_is_tried_next(desk: World) -> None:
    text = "You can currently get g4dn.xlarge capacity by choosing us-east-1d."
    desk.cloud.faults.inject("RunInstances", "InsufficientInstanceCapacity", text)
    instance = desk.wait_for_phase(desk.launch(), Phase.BOOTING)
    assert instance.ec2_instance is not None
    assert instance.ec2_instance.zone == "us-east-1d"


def test_sweep_of_a_ready_instance_does_not_use_the_records(desk: World) -> None:
    class NoRecords(CapacityRepository):
        def get(self, region: str) -> RegionCapacity:
            raise AssertionError("the records are read")

        def add(self, answer: CapacityAnswer) -> None:
            raise AssertionError("an answer is counted")

    desk.launch_until_ready()
    before = desk.application.sweep.reconciler
    reconciler = replace(before, stores=replace(before.stores, capacity=NoRecords()))
    desk.clock.advance(MINUTE)
    report = replace(desk.application.sweep, reconciler=reconciler).run()
    assert (report.examined, report.failed) == (1, [])

"""A sweep looks after instances that run first, and no work waits for longer than one circle."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.observation import NotVisible, ObservedInstance, Unavailable
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.sweep_order import LeftOver, Priority, arrange, build_place, find_priority
from tests.support.ready_instance import EC2_RUNNING, build_ready_instance


@dataclass(frozen=True)
class Part:
    place: str


@pytest.mark.parametrize(
    ("phase", "ec2", "priority"),
    [
        (Phase.READY, EC2_RUNNING, Priority.RUNNING),
        (Phase.LAUNCHING, replace(EC2_RUNNING, state=Ec2State.PENDING), Priority.RUNNING),
        (Phase.TERMINATING, replace(EC2_RUNNING, state=Ec2State.SHUTTING_DOWN), Priority.RUNNING),
        (Phase.STOPPED, EC2_RUNNING, Priority.RUNNING),
        (Phase.STOPPED, replace(EC2_RUNNING, state=Ec2State.STOPPED), Priority.WAITING),
        (Phase.READY, replace(EC2_RUNNING, state=Ec2State.TERMINATED), Priority.WAITING),
        (Phase.REQUESTED, NotVisible(), Priority.WAITING),
        (Phase.LAUNCHING, Unavailable("no response"), Priority.WAITING),
        (Phase.STOPPED, Unavailable("no response"), Priority.WAITING),
        (Phase.READY, Unavailable("no response"), Priority.RUNNING),
        (Phase.BOOTING, NotVisible(), Priority.RUNNING),
    ],
)
def test_what_may_cost_money_by_the_second_comes_first(
    phase: Phase, ec2: ObservedInstance | NotVisible | Unavailable, priority: Priority
) -> None:
    assert find_priority(replace(build_ready_instance(), phase=phase), ec2) is priority


def test_work_is_ordered_by_priority_then_by_age() -> None:
    places = [
        build_place(Priority.WAITING, "2026-01-01", "gd-1"),
        build_place(Priority.RUNNING, "2026-01-02", "gd-3"),
        build_place(Priority.IMAGES, "im-1"),
        build_place(Priority.RUNNING, "2026-01-01", "gd-2"),
    ]
    ordered, left_before = arrange([Part(place) for place in places], None)
    assert [part.place for part in ordered] == [places[3], places[1], places[2], places[0]]
    assert left_before == 0


def test_left_over_work_comes_first() -> None:
    ordered, left_before = arrange([Part(place) for place in ["0a", "0b", "3a", "3b"]], "3a")
    assert ([part.place for part in ordered], left_before) == (["3a", "3b", "0a", "0b"], 2)


def test_mark_of_work_that_is_gone_leads_to_the_next_one() -> None:
    ordered, left_before = arrange([Part(place) for place in ["0a", "0c"]], "0b")
    assert ([part.place for part in ordered], left_before) == (["0c", "0a"], 1)
    assert [part.place for part in arrange([Part("0a")], "3z")[0]] == ["0a"]


@given(st.integers(1, 30), st.lists(st.integers(1, 5), min_size=40, max_size=40))
def test_no_work_starves(count: int, capacities: list[int]) -> None:
    """However little each sweep can do, every part is done before any other one is done a second time."""
    work = [Part(f"{number:02}") for number in range(count)]
    done, mark = [], None
    for capacity in capacities:
        ordered, _ = arrange(work, mark)
        done += [part.place for part in ordered[:capacity]]
        mark = ordered[capacity].place if capacity < len(ordered) else None
        if mark is None:
            break
    assert len(set(done[:count])) == len(done[:count])


def test_regions_that_were_silent_are_read_last_and_those_without_time_before_first() -> None:
    before = LeftOver(regions=("eu-west-1", "us-west-2"), silent_regions=("ap-south-1", "eu-west-1"))
    regions = {"ap-south-1", "eu-west-1", "us-east-1", "us-west-2"}
    assert before.order_regions(regions) == ["us-west-2", "us-east-1", "eu-west-1", "ap-south-1"]

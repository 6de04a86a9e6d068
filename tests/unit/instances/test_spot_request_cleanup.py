"""Which spot requests the sweep cancels, and which it only reports."""

from dataclasses import replace

import pytest

from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spot import SpotRequestState
from chalicelib.domain.instances.spot_request_cleanup import are_requests_due, find_unused_requests
from tests.support.ready_instance import INSTANCE_ID, MINUTE, START
from tests.unit.instances.simulation import build_requested_instance
from tests.unit.instances.spot_examples import build_request

OPEN = build_request(SpotRequestState.OPEN, instance_id=None)
ACTIVE = build_request(SpotRequestState.ACTIVE)
LATER = START + 10 * MINUTE


@pytest.mark.parametrize(
    ("request_seen", "state", "is_tagged", "expected"),
    [
        (OPEN, None, False, [True]),
        (ACTIVE, None, False, [True]),
        (ACTIVE, Ec2State.TERMINATED, True, [True]),
        (ACTIVE, Ec2State.RUNNING, True, []),
        (build_request(SpotRequestState.DISABLED), Ec2State.STOPPED, True, []),
        (ACTIVE, Ec2State.RUNNING, False, [False]),
        (build_request(SpotRequestState.OPEN), Ec2State.STOPPED, False, [False]),
    ],
)
def test_only_a_request_without_an_instance_is_cancelled(
    request_seen: object, state: Ec2State | None, is_tagged: bool, expected: list[bool]
) -> None:
    tagged = {INSTANCE_ID} if is_tagged else set()
    found = find_unused_requests([request_seen], {INSTANCE_ID: state}, tagged, [], LATER)  # type: ignore[list-item]
    assert [unused.is_abandoned for unused in found] == expected


def test_new_request_and_that_of_a_launch_in_progress_are_kept() -> None:
    assert list(find_unused_requests([OPEN], {}, set(), [], LATER - MINUTE)) == []
    launching = replace(build_requested_instance(), phase=Phase.LAUNCHING)
    assert list(find_unused_requests([OPEN], {}, set(), [launching], LATER)) == []


@pytest.mark.parametrize(("state", "expected"), [(Ec2State.TERMINATED, [True]), (Ec2State.STOPPED, [])])
def test_request_of_an_ended_launch_is_cancelled_while_its_record_launches_again(
    state: Ec2State, expected: list[bool]
) -> None:
    record = replace(build_requested_instance(), phase=Phase.LAUNCHING)
    launching = replace(record, launch=replace(record.launch, ended_instance_ids=(INSTANCE_ID,)))
    found = find_unused_requests([ACTIVE], {INSTANCE_ID: state}, set(), [launching], LATER)
    assert [unused.is_abandoned for unused in found] == expected


def test_requests_are_read_every_ten_minutes() -> None:
    assert [minute for minute in range(30) if are_requests_due(START + minute * MINUTE)] == [0, 10, 20]

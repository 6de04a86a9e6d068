"""What a sweep remembers of launches, and what it must ask again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.control.loop.launch_memory import LaunchMemory
from chalicelib.domain.common.errors import InsufficientCapacity, TransientAwsError
from tests.support.ready_instance import MINUTE, START, build_launch_attempt

NO_CAPACITY = InsufficientCapacity("InsufficientInstanceCapacity", "no capacity")


@pytest.mark.parametrize(
    ("sent_after", "is_remembered"),
    [(timedelta(0), True), (MINUTE, True), (-MINUTE, False), (None, False)],
    ids=["at the start", "later", "by an earlier sweep, so it may have launched an instance", "not sent"],
)
def test_refusal_holds_for_attempts_that_this_sweep_sends_first(
    sent_after: timedelta | None, is_remembered: bool
) -> None:
    memory = LaunchMemory(START)
    memory.record_refusal(build_launch_attempt(), NO_CAPACITY)
    sent_at = None if sent_after is None else START + sent_after
    assert (memory.find_refusal(replace(build_launch_attempt(), sent_at=sent_at)) is NO_CAPACITY) is is_remembered


def test_refusal_holds_for_one_type_in_one_zone() -> None:
    memory = LaunchMemory(START)
    memory.record_refusal(build_launch_attempt(), NO_CAPACITY)
    sent = replace(build_launch_attempt(), sent_at=START)
    assert memory.find_refusal(replace(sent, instance_type="g5.xlarge")) is None
    assert memory.find_refusal(replace(sent, zone="us-east-1b")) is None
    assert memory.list_refused_zones("us-east-1", "g4dn.xlarge") == ("us-east-1a",)
    assert memory.list_refused_zones("us-west-2", "g4dn.xlarge") == ()


def test_call_that_failed_is_not_repeated_in_the_same_sweep() -> None:
    memory, calls = LaunchMemory(START), []

    def fail() -> str:
        calls.append(1)
        raise TransientAwsError("RequestLimitExceeded", "slow down")

    for _ in range(3):
        with pytest.raises(TransientAwsError):
            memory.recall("image", fail)
    assert len(calls) == 1

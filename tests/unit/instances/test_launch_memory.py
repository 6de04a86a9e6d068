"""What a sweep remembers of launches, and what it must ask again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from chalicelib.control.loop.launch_memory import LaunchMemory, RememberedRecords, RememberingExecutor
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import (
    AwsError,
    InsufficientCapacity,
    PrerequisiteMissing,
    QuotaExceeded,
    RepeatedRefusal,
    TransientAwsError,
)
from chalicelib.domain.instances.outcome import InstanceLaunched, Outcome
from chalicelib.domain.instances.plan import Launch, ResolveLaunch, Step
from chalicelib.domain.instances.record import Instance
from tests.support.ready_instance import EC2_RUNNING, build_launch_attempt, build_ready_instance

NO_CAPACITY = InsufficientCapacity("InsufficientInstanceCapacity", "no capacity")
QUOTA_EXCEEDED = QuotaExceeded("VcpuLimitExceeded", "your limit is 0")
WAITING = replace(build_ready_instance(), id="gd-waiting")


@pytest.mark.parametrize("is_first_call", [True, False])
def test_refusal_holds_only_for_first_calls(is_first_call: bool) -> None:
    memory = LaunchMemory()
    memory.record_refusal(build_launch_attempt(), NO_CAPACITY)
    launch = Launch(build_launch_attempt(), is_first_call=is_first_call)
    assert (memory.find_refusal(launch) is NO_CAPACITY) is is_first_call


def test_refusal_holds_for_one_offer() -> None:
    memory = LaunchMemory()
    memory.record_refusal(build_launch_attempt(), NO_CAPACITY)
    launch = Launch(build_launch_attempt(), is_first_call=True)
    for changed in (replace(launch.attempt, instance_type="g5.xlarge"), replace(launch.attempt, market=Market.SPOT)):
        assert memory.find_refusal(replace(launch, attempt=changed)) is None
    assert memory.list_refused_offers() == (launch.attempt.offer.key,)


def test_repeated_refusal_is_not_taken_for_an_answer_of_ec2() -> None:
    @dataclass
    class RefusingExecutor:
        calls: int = 0

        def execute(self, instance: Instance, step: Step) -> Outcome:
            self.calls += 1
            return NO_CAPACITY

        def add_memory(self) -> "RefusingExecutor":
            return self

    inner, launch = RefusingExecutor(), Launch(build_launch_attempt(), is_first_call=True)
    executor = RememberingExecutor(inner, LaunchMemory(), inner)
    first, second = (executor.execute(build_ready_instance(), launch) for _ in range(2))
    assert first is NO_CAPACITY
    assert isinstance(second, RepeatedRefusal)
    assert (second.description, inner.calls) == (NO_CAPACITY.description, 1)


@dataclass
class Cloud:
    """Active records that count how often they are read, and an executor whose calls have set outcomes."""

    outcomes: list[Outcome]
    reads: int = 0

    def list_readable(self) -> Iterator[Instance]:
        self.reads += 1
        return iter((build_ready_instance(), WAITING))

    def execute(self, instance: Instance, step: Step) -> Outcome:
        return self.outcomes.pop(0)

    def add_memory(self) -> "Cloud":
        return self


def test_records_are_read_again_after_a_launch_and_without_launches_that_wait() -> None:
    launched = InstanceLaunched(EC2_RUNNING.to_ec2_instance())
    cloud, memory = Cloud([NO_CAPACITY, NO_CAPACITY, launched]), LaunchMemory()
    executor, records = RememberingExecutor(cloud, memory, cloud), RememberedRecords(cloud, memory)
    offers = [replace(build_launch_attempt(), instance_type=name) for name in ("g4dn.xlarge", "g5.xlarge")]
    read = []
    for step in (Launch(offers[0], True), ResolveLaunch(()), Launch(offers[1], True)):
        read.append([record.id for record in records.list_readable()])
        executor.execute(WAITING, step)
    read.append([record.id for record in records.list_readable()])
    both, ready = [build_ready_instance().id, WAITING.id], [build_ready_instance().id]
    assert (read, cloud.reads) == ([both, both, ready, both], 2)


@pytest.mark.parametrize(
    ("step", "error", "reads"),
    [
        (Launch(build_launch_attempt(), True), QUOTA_EXCEEDED, 2),
        (Launch(build_launch_attempt(), True), PrerequisiteMissing("gpudesk has no subnet"), 2),
        (ResolveLaunch(()), PrerequisiteMissing("gpudesk has no subnet"), 2),
        (ResolveLaunch(()), NO_CAPACITY, 1),
        (ResolveLaunch(()), TransientAwsError("RequestLimitExceeded", "slow down"), 1),
    ],
)
def test_records_are_read_again_after_an_error_that_may_end_a_launch(step: Step, error: AwsError, reads: int) -> None:
    cloud, memory = Cloud([error]), LaunchMemory()
    executor, records = RememberingExecutor(cloud, memory, cloud), RememberedRecords(cloud, memory)
    list(records.list_readable())
    executor.execute(WAITING, step)
    list(records.list_readable())
    assert cloud.reads == reads, "a launch that has failed uses no quota"


def test_call_that_failed_is_not_repeated_in_the_same_sweep() -> None:
    memory, calls = LaunchMemory(), []

    def fail() -> str:
        calls.append(1)
        raise TransientAwsError("RequestLimitExceeded", "slow down")

    for _ in range(3):
        with pytest.raises(TransientAwsError):
            memory.recall("image", fail)
    assert len(calls) == 1

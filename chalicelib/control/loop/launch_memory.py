"""Remember what a sweep has learned about launches.

Ten launches that wait for capacity need hardly more calls than one. The memory lasts for one sweep, or for one
reconcile: the next one asks AWS again.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from chalicelib.aws.launch_prerequisites import AmiDetails, Subnet
from chalicelib.control.loop.launch_sources import ParameterSource, PrerequisiteSource, RecordSource
from chalicelib.control.loop.step_executor import StepExecutor
from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity, RepeatedRefusal, TransientAwsError
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.launch_tries import OfferKey
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Launch, ResolveLaunch, Step
from chalicelib.domain.instances.record import Instance

T = TypeVar("T")

RECORDS = "records"


@dataclass
class LaunchMemory:
    """Answers of AWS since a sweep began.

    :ivar answers: results of calls that only read, and errors of them
    :ivar refusals: the error of each offer without capacity
    :ivar waiting_ids: ids of the launches for which no offer was left since the records were read
    """

    answers: dict[Hashable, Any] = field(default_factory=dict)
    refusals: dict[OfferKey, InsufficientCapacity] = field(default_factory=dict)
    waiting_ids: set[str] = field(default_factory=set)

    def recall(self, call: Hashable, read: Callable[[], T]) -> T:
        """Return what an equal call has returned before, or make it now.

        :raises AwsError: the call has failed, now or before
        """
        if call not in self.answers:
            try:
                self.answers[call] = read()
            except AwsError as error:
                self.answers[call] = error
        answer = self.answers[call]
        if isinstance(answer, AwsError):
            raise answer
        return cast("T", answer)

    def find_refusal(self, launch: Launch) -> InsufficientCapacity | None:
        """Return why EC2 would refuse a launch. A call that was made before may have launched an instance."""
        return self.refusals.get(launch.attempt.offer.key) if launch.is_first_call else None

    def record_refusal(self, attempt: LaunchAttempt, error: InsufficientCapacity) -> None:
        """Remember that an offer has no capacity."""
        self.refusals[attempt.offer.key] = error

    def list_refused_offers(self) -> tuple[OfferKey, ...]:
        """Return the offers that have no capacity."""
        return tuple(self.refusals)

    def forget_records(self) -> None:
        """Forget the records of instances, because one has changed or is about to."""
        self.answers.pop(RECORDS, None)
        self.waiting_ids.clear()


@dataclass(frozen=True)
class RememberedPrerequisites:
    """Prerequisites of launches, each read once."""

    prerequisites: PrerequisiteSource
    memory: LaunchMemory

    def describe_image(self, region: str, image_id: str) -> AmiDetails:
        """Return root device and snapshot size of an AMI."""
        call = ("image", region, image_id)
        return self.memory.recall(call, lambda: self.prerequisites.describe_image(region, image_id))

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer the type."""
        call = ("subnets", region, type_name)
        return self.memory.recall(call, lambda: self.prerequisites.list_subnets(region, type_name))


@dataclass(frozen=True)
class RememberedParameters:
    """Public parameters, each read once."""

    parameters: ParameterSource
    memory: LaunchMemory

    def get_parameter(self, region: str, name: str) -> str:
        """Return the value of a public parameter."""
        call = ("parameter", region, name)
        return self.memory.recall(call, lambda: self.parameters.get_parameter(region, name))


@dataclass(frozen=True)
class RememberedRecords:
    """The active records. The use of quotas is counted from them for each try.

    They are read again after a launch, and after an error that may have ended one: a failed launch uses no quota.
    """

    records: RecordSource
    memory: LaunchMemory

    def list_readable(self) -> Iterator[Instance]:
        """Yield the readable records, without launches that have begun to wait since: they use no quota."""
        active = self.memory.recall(RECORDS, lambda: tuple(self.records.list_readable()))
        return (record for record in active if record.id not in self.memory.waiting_ids)


@dataclass(frozen=True)
class RememberingExecutor:
    """An executor that tries no offer again that EC2 has refused in the same sweep.

    :param executor: makes the calls; what it reads for launches is remembered, too
    :param forgetful: the same executor without a memory
    """

    executor: StepExecutor
    memory: LaunchMemory
    forgetful: StepExecutor

    def execute(self, instance: Instance, step: Step) -> Outcome:
        """Make the call and return its outcome."""
        match step:
            case ResolveLaunch(excluded):
                step = ResolveLaunch((*excluded, *self.memory.list_refused_offers()))
                outcome = self.executor.execute(instance, step)
                if isinstance(outcome, InsufficientCapacity):
                    self.memory.waiting_ids.add(instance.id)
                elif isinstance(outcome, AwsError) and not isinstance(outcome, TransientAwsError):
                    self.memory.forget_records()
                return outcome
            case Launch():
                refusal = self.memory.find_refusal(step)
                if refusal:
                    return RepeatedRefusal(refusal.code, refusal.message)
                outcome = self.executor.execute(instance, step)
                if isinstance(outcome, InsufficientCapacity):
                    self.memory.record_refusal(step.attempt, outcome)
                else:
                    self.memory.forget_records()
                return outcome
            case _:
                return self.executor.execute(instance, step)

    def add_memory(self) -> StepExecutor:
        """Return an executor without what this one has learned."""
        return self.forgetful.add_memory()

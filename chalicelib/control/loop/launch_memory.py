"""What a sweep has learned about launches. Ten launches that wait for capacity need hardly more calls than one.

The memory lasts for one sweep: the next one asks AWS again.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from chalicelib.aws.launch_prerequisites import AmiDetails, LaunchPrerequisites, Subnet
from chalicelib.aws.ssm import Ssm
from chalicelib.control.loop.execute_step import Executor
from chalicelib.control.loop.resolve_launch import LaunchResolver
from chalicelib.domain.common.aws_errors import AwsError, InsufficientCapacity
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.plan import Launch, Outcome, Step
from chalicelib.domain.instances.record import Instance

T = TypeVar("T")


@dataclass
class LaunchMemory:
    """Answers of AWS since a sweep began.

    :ivar answers: results of calls that only read, and errors of them
    :ivar refusals: the error of each region, type and zone without capacity
    """

    answers: dict[Hashable, Any] = field(default_factory=dict)
    refusals: dict[tuple[str, str, str], InsufficientCapacity] = field(default_factory=dict)

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
        attempt = launch.attempt
        place = (attempt.region, attempt.instance_type, attempt.zone)
        return self.refusals.get(place) if launch.is_first_call else None

    def record_refusal(self, attempt: LaunchAttempt, error: InsufficientCapacity) -> None:
        """Remember that a zone has no capacity for a type."""
        self.refusals[attempt.region, attempt.instance_type, attempt.zone] = error

    def list_refused_zones(self, region: str, type_name: str) -> tuple[str, ...]:
        """Return the zones of a region that have no capacity for a type."""
        return tuple(zone for place, name, zone in self.refusals if (place, name) == (region, type_name))


class RememberedPrerequisites(LaunchPrerequisites):
    """Prerequisites of launches, each read once."""

    def __init__(self, prerequisites: LaunchPrerequisites, memory: LaunchMemory) -> None:
        """Read like `prerequisites` what the memory does not have."""
        vars(self).update(vars(prerequisites))
        self._memory = memory

    def describe_image(self, region: str, image_id: str) -> AmiDetails:
        """Return root device and snapshot size of an AMI."""
        read = super().describe_image
        return self._memory.recall(("image", region, image_id), lambda: read(region, image_id))

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer the type."""
        read = super().list_subnets
        return self._memory.recall(("subnets", region, type_name), lambda: read(region, type_name))

    def get_security_group_id(self, region: str, vpc_id: str, name: str) -> str:
        """Return the id of a security group."""
        read = super().get_security_group_id
        return self._memory.recall(("group", region, vpc_id, name), lambda: read(region, vpc_id, name))


class RememberedParameters(Ssm):
    """Public parameters, each read once."""

    def __init__(self, ssm: Ssm, memory: LaunchMemory) -> None:
        """Read like `ssm` what the memory does not have."""
        vars(self).update(vars(ssm))
        self._memory = memory

    def get_parameter(self, region: str, name: str) -> str:
        """Return the value of a public parameter."""
        read = super().get_parameter
        return self._memory.recall(("parameter", region, name), lambda: read(region, name))


@dataclass(frozen=True)
class RememberingResolver(LaunchResolver):
    """A resolver that excludes the zones that have refused another launch of the sweep."""

    memory: LaunchMemory

    def resolve(self, instance: Instance, zones_refused: tuple[str, ...]) -> LaunchAttempt:
        """Return the next attempt."""
        spec = instance.spec
        refused = self.memory.list_refused_zones(spec.region, spec.hardware.instance_type)
        return super().resolve(instance, (*zones_refused, *refused))


@dataclass(frozen=True)
class RememberingExecutor:
    """An executor that does not ask EC2 again for what it has refused in the same sweep."""

    executor: Executor
    memory: LaunchMemory

    def execute(self, instance: Instance, step: Step) -> Outcome:
        """Make the call and return its outcome."""
        refusal = self.memory.find_refusal(step) if isinstance(step, Launch) else None
        if refusal:
            return refusal
        outcome = self.executor.execute(instance, step)
        if isinstance(step, Launch) and isinstance(outcome, InsufficientCapacity):
            self.memory.record_refusal(step.attempt, outcome)
        return outcome


def add_memory(executor: Executor | RememberingExecutor) -> RememberingExecutor:
    """Return the executor for one sweep, without what it has learned in others."""
    plain = executor.executor if isinstance(executor, RememberingExecutor) else executor
    memory = LaunchMemory()
    remembered = {
        "prerequisites": RememberedPrerequisites(plain.resolver.prerequisites, memory),
        "ssm": RememberedParameters(plain.resolver.ssm, memory),
        "memory": memory,
    }
    resolver = RememberingResolver(**{**vars(plain.resolver), **remembered})
    return RememberingExecutor(replace(plain, resolver=resolver), memory)

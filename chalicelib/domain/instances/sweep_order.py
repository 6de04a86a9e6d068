"""Decide in which order a sweep does its work, and where the next one begins if the time does not suffice.

All work is in one circle: instances that AWS bills first, launches that wait for capacity last. A sweep that runs out
of time leaves a mark, and the next one begins there and goes once around. So work that was left over comes first, and
nothing waits for longer than one circle.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, TypeVar

from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.observation import NotVisible, ObservedInstance, Unavailable
from chalicelib.domain.instances.record import Instance, Phase

PHASES_WITHOUT_COST = (Phase.REQUESTED, Phase.LAUNCHING, Phase.STOPPED)
"""Phases in which nothing runs, unless EC2 shows an instance."""


class Priority(IntEnum):
    """Kinds of a sweep's work, the first one first."""

    RUNNING = 0
    ORPHANS = 1
    IMAGES = 2
    WAITING = 3


@dataclass(frozen=True, kw_only=True)
class LeftOver:
    """The work that a sweep had no time for.

    :param place: where the next sweep begins; None: nothing is left over
    :param regions: regions that were not read
    :param silent_regions: regions that did not respond when they were last asked
    """

    place: str | None = None
    regions: tuple[str, ...] = ()
    silent_regions: tuple[str, ...] = ()

    def order_regions(self, regions: Iterable[str]) -> list[str]:
        """Return regions in the order in which to read them: silent ones last, those that were not read first."""
        return sorted(regions, key=lambda name: (name in self.silent_regions, name not in self.regions, name))


class Ordered(Protocol):
    """Something with a place in the circle."""

    @property
    def place(self) -> str:
        """A text that is unique and sorts by priority."""
        ...


T = TypeVar("T", bound=Ordered)


def find_priority(instance: Instance, ec2: ObservedInstance | NotVisible | Unavailable) -> Priority:
    """Return RUNNING for an instance that AWS may bill by the second, WAITING for others.

    :param ec2: what EC2 shows for the record
    """
    if isinstance(ec2, ObservedInstance):
        return Priority.WAITING if ec2.state in (Ec2State.STOPPED, Ec2State.TERMINATED) else Priority.RUNNING
    return Priority.WAITING if instance.phase in PHASES_WITHOUT_COST else Priority.RUNNING


def build_place(priority: Priority, *names: str) -> str:
    """Return the place of work in the circle: by priority, then by these names."""
    return "#".join([str(priority.value), *names])


def arrange(work: Sequence[T], first_place: str | None) -> tuple[list[T], int]:
    """Return the work in its order, and how much of it was left over by the sweep before.

    :param first_place: the mark of the sweep before; None: it left nothing over
    """
    ordered = sorted(work, key=_get_place)
    if first_place is None:
        return ordered, 0
    start = bisect_left(ordered, first_place, key=_get_place)
    return ordered[start:] + ordered[:start], len(ordered) - start


def _get_place(work: Ordered) -> str:
    return work.place

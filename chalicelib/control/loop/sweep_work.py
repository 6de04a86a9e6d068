"""Part of a sweep: the work on one instance, one image, or the orphans of a region."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """One part of a sweep.

    :param place: its place in the circle
    :param run: returns whether it was done; False: there was no time left to act on what was observed
    """

    place: str
    run: Callable[[], bool]

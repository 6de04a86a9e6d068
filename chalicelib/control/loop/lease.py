"""Hold a lease while a scheduled function works, so that only one at a time does the work."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from chalicelib.domain.common.clock import Clock
from chalicelib.store.desk import DeskRepository


@dataclass
class HeldLease:
    """A lease that this function holds. Assign both fields while it is held: its release writes them.

    :ivar note: for the next holder; at first the note of the last one
    :ivar is_complete: whether all work was done, so that the time of the release is stored as that of the last such one
    """

    note: str
    is_complete: bool = False


@contextmanager
def hold_lease(desk: DeskRepository, name: str, clock: Clock, seconds: float) -> Iterator[HeldLease | None]:
    """Hold a lease; None: another holder has it.

    :param seconds: the time until Lambda ends the function; then the lease must be free for the next one
    """
    holder = uuid.uuid4().hex
    note = desk.acquire_lease(name, holder, now=clock.now(), duration=timedelta(seconds=seconds))
    if note is None:
        yield None
        return
    lease = HeldLease(note)
    try:
        yield lease
    finally:
        desk.release_lease(name, holder, now=clock.now(), note=lease.note, is_complete=lease.is_complete)

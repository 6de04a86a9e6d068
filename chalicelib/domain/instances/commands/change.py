"""The result of a command: a changed record and its timeline entries."""

from dataclasses import dataclass

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

ENDING_PHASES = (Phase.TERMINATING, Phase.TERMINATED)


@dataclass(frozen=True)
class RecordChange:
    """The record as it is to be written, and the lines about it; no lines: nothing changes."""

    instance: Instance
    entries: tuple[TimelineEntry, ...] = ()


def require_not_ending(instance: Instance, what: str) -> None:
    if instance.phase in ENDING_PHASES or instance.spec.desired is DesiredState.TERMINATED:
        raise Conflict(
            f"{instance.name} is {instance.phase}; it cannot {what} any more", code=ErrorCode.INSTANCE_TERMINATED
        )

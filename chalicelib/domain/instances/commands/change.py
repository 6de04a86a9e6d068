"""The result of a command, and a check that several commands share."""

from dataclasses import dataclass

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

ENDING_PHASES = (Phase.TERMINATING, Phase.TERMINATED)


@dataclass(frozen=True)
class RecordChange:
    """A changed record and its timeline entries. Without entries, the command changes nothing."""

    instance: Instance
    entries: tuple[TimelineEntry, ...] = ()


def require_not_ending(instance: Instance, command: str) -> None:
    """Check that an instance is not terminated, and that nobody requested that.

    :param command: what cannot be done otherwise, as "be stopped"
    :raises Conflict: it is terminated or will be
    """
    if instance.phase in ENDING_PHASES or instance.spec.desired is DesiredState.TERMINATED:
        state = instance.phase if instance.phase in ENDING_PHASES else "going to be terminated"
        raise Conflict(f"{instance.name} is {state}. It cannot {command}.", code=ErrorCode.INSTANCE_TERMINATED)

"""The options of a start: how long it waits for capacity, and another type."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.commands.change import describe_state
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.record import STOPPED_PHASES, Instance, Phase
from chalicelib.domain.instances.start_state import StartState


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """The options of a start.

    :param wait_until: how long gpudesk waits for capacity; None: for `START_DEADLINE`
    :param instance_type: the type that the instance gets before it starts; None: the one that it has
    :param rates: of that type; None: it keeps its type
    """

    wait_until: datetime | None = None
    instance_type: str | None = None
    rates: Rates | None = None

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is requested but the start."""
        return self == StartOptions()

    @property
    def text(self) -> str:
        """The requested options, as the end of a sentence; empty without options."""
        size = f" as {self.instance_type}" if self.instance_type else ""
        wait = f", waiting for capacity until {format_date_time(self.wait_until)}" if self.wait_until else ""
        return size + wait


def is_waiting_to_start(instance: Instance) -> bool:
    """Return whether the instance is to start and does not run yet, so the options of its start can still change."""
    ec2_instance = instance.ec2_instance
    is_unstarted = ec2_instance is not None and ec2_instance.state in (Ec2State.STOPPING, Ec2State.STOPPED)
    return instance.phase in STOPPED_PHASES or (instance.phase is Phase.BOOTING and is_unstarted)


def apply_start_options(instance: Instance, options: StartOptions) -> Instance:
    """Return the record with the options of its start. A start that waits already is tried at once.

    A type that it has already changes nothing.

    :raises Conflict: the instance runs with another type
    """
    present, requested = instance.spec.hardware.instance_type, options.instance_type
    if not is_waiting_to_start(instance):
        if requested in (None, present):
            return instance
        raise Conflict(
            f"{instance.name} {describe_state(instance)} as {present}. Stop it, then start it as {requested}.",
            code=ErrorCode.NOT_STOPPED,
        )
    before = instance.start if instance.phase is Phase.BOOTING else StartState()
    start = replace(
        before,
        wait_until=options.wait_until or before.wait_until,
        instance_type=None if requested == present else requested or before.instance_type,
        rates=None if requested == present else options.rates or before.rates,
        retry_at=None,
    )
    claim = replace(instance.claim, last_called_at=None) if instance.phase is Phase.BOOTING and instance.claim else None
    return replace(instance, start=start, claim=claim or instance.claim)

"""Say what a requested stop or termination costs and deletes, for the answer to the request.

A stopped instance loses its instance stores and its public IPv4 address, and its disk is billed on:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-stop-start-works.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.catalog.instance_types import HOURS_PER_MONTH
from chalicelib.domain.common.money import format_usd_cents
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.spot_termination import has_spot_request
from chalicelib.domain.instances.lifecycle.stop_impact import describe_lost_files
from chalicelib.domain.instances.record import ENDING_PHASES, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


class ConsequenceCode(StrEnum):
    """Code of a consequence of a stop or a termination."""

    DISK_BILLED = "disk_billed"
    DISK_DELETED = "disk_deleted"
    INSTANCE_STORE_DELETED = "instance_store_deleted"
    ADDRESS_CHANGES = "address_changes"
    START_MAY_BE_REFUSED = "start_may_be_refused"
    SPOT_REQUEST_STAYS = "spot_request_stays"
    SPOT_REQUEST_ENDS = "spot_request_ends"


@dataclass(frozen=True)
class Consequence:
    """Something that a requested stop or termination costs, ends or deletes."""

    code: ConsequenceCode
    message: str


def list_consequences(instance: Instance, start_outlook: str = "") -> Iterator[Consequence]:
    """Yield what follows from a requested stop or termination; nothing if the instance has already ended.

    :param instance: the record after the request
    :param start_outlook: sentences about a start after the stop; empty: nothing is known
    """
    if instance.ec2_instance is None or instance.phase in ENDING_PHASES:
        return
    match instance.spec.desired:
        case DesiredState.STOPPED:
            yield from _list_stop_consequences(instance)
            if start_outlook and is_stop_ahead(instance):
                yield Consequence(ConsequenceCode.START_MAY_BE_REFUSED, start_outlook)
        case DesiredState.TERMINATED:
            yield from _list_termination_consequences(instance)
        case DesiredState.RUNNING:
            return


def is_stop_ahead(instance: Instance) -> bool:
    """Return whether a requested stop still has to happen."""
    is_requested = instance.spec.desired is DesiredState.STOPPED and instance.ec2_instance is not None
    return is_requested and instance.phase not in ENDING_PHASES and not _is_stopped(instance)


def _is_stopped(instance: Instance) -> bool:
    """Return whether nothing runs that a stop or a termination could end, also while a start waits for capacity."""
    machine = instance.ec2_instance
    is_off = machine is not None and machine.state is Ec2State.STOPPED
    return instance.phase is Phase.STOPPED or (instance.phase is Phase.BOOTING and is_off)


def _list_stop_consequences(instance: Instance) -> Iterator[Consequence]:
    name = instance.name
    price = compute_disk_price_per_month(instance.billing.rates)
    bill = "is billed" if price is None else f"costs {format_usd_cents(price)} per month"
    message = f"{_describe_disk(instance)} stays and {bill} until you terminate {name}."
    yield Consequence(ConsequenceCode.DISK_BILLED, message)
    if has_spot_request(instance.ec2_instance):
        yield Consequence(
            ConsequenceCode.SPOT_REQUEST_STAYS,
            f"The spot request of {name} stays and costs nothing. Do not cancel it in the EC2 console: EC2 would then "
            f"terminate {name}.",
        )
    if _is_stopped(instance):
        return
    if instance.spec.hardware.instance_store_gb:
        yield Consequence(ConsequenceCode.INSTANCE_STORE_DELETED, f"The stop deletes {describe_lost_files(instance)}.")
    yield Consequence(
        ConsequenceCode.ADDRESS_CHANGES,
        f"The stop releases the public IPv4 address of {name}. The next start gives it another one.",
    )


def _list_termination_consequences(instance: Instance) -> Iterator[Consequence]:
    price = compute_disk_price_per_month(instance.billing.rates)
    is_moving = instance.is_launching_for_move or instance.has_moved
    no_longer = "They no longer cost" if is_moving else "It no longer costs"
    bill = "" if price is None else f" {no_longer} {format_usd_cents(price)} per month."
    kept = "Images of it stay and are billed until you delete them."
    deleted = "and that of its former EC2 instance are deleted" if is_moving else "is deleted"
    yield Consequence(ConsequenceCode.DISK_DELETED, f"{_describe_disk(instance)} {deleted}.{bill} {kept}")
    if has_spot_request(instance.ec2_instance):
        message = f"The spot request of {instance.name} is cancelled first, so that EC2 does not launch it again."
        yield Consequence(ConsequenceCode.SPOT_REQUEST_ENDS, message)
    if instance.spec.hardware.instance_store_gb and not _is_stopped(instance):
        message = f"The termination deletes {describe_lost_files(instance)}."
        yield Consequence(ConsequenceCode.INSTANCE_STORE_DELETED, message)


def compute_disk_price_per_month(rates: Rates) -> Decimal | None:
    """Return what the disk costs per month in US dollars; None: its size or its price is not known."""
    return None if rates.disk is None else rates.disk * HOURS_PER_MONTH


def _describe_disk(instance: Instance) -> str:
    size = f" ({instance.spec.disk_gib} GiB)" if instance.spec.disk_gib else ""
    return f"The root disk of {instance.name}{size}"

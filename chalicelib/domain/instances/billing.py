"""The rates that AWS bills for an instance, and the meter that counts what is billed."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Rates:
    """US dollars per hour: the instance and its public IPv4 address while it runs, its disk while it exists.

    In a segment of an image, `disk` is the price of the snapshots.

    None is a price that gpudesk does not know. Costs leave it out and are incomplete.

    :param on_demand: of a spot instance, the price that it would have on-demand; None of all others
    """

    instance: Decimal | None = None
    disk: Decimal | None = None
    address: Decimal = Decimal(0)
    on_demand: Decimal | None = None


class BillingState(StrEnum):
    """State of an instance, as AWS bills it, or an image of it, whose snapshots are billed."""

    NOTHING = "nothing"
    RUNNING = "running"
    STOPPED = "stopped"
    IMAGE = "image"


@dataclass(frozen=True, kw_only=True)
class Meter:
    """The billing state, its beginning, and the costs of the time before.

    :param since: None in state `nothing`
    :param accrued: US dollars of everything that ended before `since`
    :param saves_until: of an instance that was stopped for idleness: the end that its lifetime had; None: another state
    """

    state: BillingState = BillingState.NOTHING
    since: datetime | None = None
    accrued: Decimal = Decimal(0)
    saves_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Billing:
    """Rates and meter of an instance."""

    rates: Rates = Rates()
    meter: Meter = Meter()

"""What AWS bills for an instance: rates and meter."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Rates:
    """US dollars an hour: the instance while it runs, its disk while it exists, its public IPv4 while it runs."""

    instance: Decimal = Decimal(0)
    disk: Decimal = Decimal(0)
    address: Decimal = Decimal(0)


class BillingState(StrEnum):
    """What AWS bills for now."""

    NOTHING = "nothing"
    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Meter:
    """What is being billed since when, and what the time before has cost.

    :param accrued: US dollars of all that ended before `since`
    """

    state: BillingState = BillingState.NOTHING
    since: datetime | None = None
    accrued: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Billing:
    """Rates and meter of an instance."""

    rates: Rates = Rates()
    meter: Meter = Meter()

"""Offers that a launch tries, and what came of them. `domain/launch/next_offer.py` chooses the next one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import CAPACITY_RETRY, LAUNCH_DEADLINE

MAX_TRIES = 20
"""Offers that a launch tries before it pauses. EC2 throttles RunInstances:
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html"""

MAX_REMEMBERED_OFFERS = MAX_TRIES * (LAUNCH_DEADLINE // CAPACITY_RETRY + 1)
"""More offers than a launch can try within `LAUNCH_DEADLINE`. One that waits longer reaches the others, too: each
refusal in a row lengthens the time for which gpudesk avoids an offer."""


class OfferKey(NamedTuple):
    """The fields that identify an offer. The zone implies the region."""

    instance_type: str
    zone: str
    market: Market

    @property
    def text(self) -> str:
        """The key as one text, for records."""
        return "/".join(self)


@dataclass(frozen=True, kw_only=True)
class LaunchOffer:
    """An instance type in a zone on a market, at a price.

    :param price: USD per hour when it was chosen; None: unknown
    :param was_avoided: EC2 had refused it within the last minutes before it was chosen
    """

    instance_type: str
    region: str
    zone: str
    market: Market = Market.ON_DEMAND
    price: Decimal | None = None
    was_avoided: bool = False

    @property
    def key(self) -> OfferKey:
        """The key of the offer."""
        return OfferKey(self.instance_type, self.zone, self.market)


@dataclass(frozen=True)
class OffersAboveMaximum:
    """Offers that a launch does not try, because they cost more than its `max_price`."""

    count: int
    cheapest: LaunchOffer


class TryResult(StrEnum):
    """Result of a try.

    - `launched`: EC2 launched an instance
    - `no_capacity`: EC2 refused the launch for lack of capacity
    - `ended`: EC2 accepted the launch and then ended the instance
    - `skipped`: EC2 was not called, because it had refused the same offer to another launch in the same minute
    - `quota_exceeded`: a quota of the account does not allow it
    - `region_unavailable`: AWS accepts no launches of the account in the region
    - `refused`: AWS refused the launch for another reason, such as a missing permission
    """

    LAUNCHED = "launched"
    NO_CAPACITY = "no_capacity"
    ENDED = "ended"
    SKIPPED = "skipped"
    QUOTA_EXCEEDED = "quota_exceeded"
    REGION_UNAVAILABLE = "region_unavailable"
    REFUSED = "refused"


CAPACITY_RESULTS = (TryResult.NO_CAPACITY, TryResult.ENDED, TryResult.SKIPPED)
"""Results that stand for a lack of capacity, which passes by itself."""


@dataclass(frozen=True, kw_only=True)
class LaunchTry:
    """One offer that a launch has tried.

    :param at: time of the answer
    :param code: the error code or the state reason of AWS; empty if the launch succeeded
    :param message: what AWS said, as sentences; empty if the launch succeeded
    :param pass_number: the pass over all offers that it belongs to
    """

    offer: LaunchOffer
    result: TryResult
    at: datetime
    code: str = ""
    message: str = ""
    pass_number: int = 1

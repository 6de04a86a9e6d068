"""Spot prices: DescribeSpotPriceHistory with prices between a quarter and two thirds of the list price.

moto has one price for all types, which last changed in 2006. Here each type has its own price in each zone, which stays
until `set` changes it. Its last change is some hours ago, as on AWS, where a price can stay for days.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from chalicelib.store.data_files import load_catalog
from local.aws.core.patches import Patches

LINUX = "Linux/UNIX"
MAX_PER_PAGE = 1000
LOWEST_PERCENT, HIGHEST_PERCENT = 25, 66
MAX_HOURS_UNCHANGED = 48


@dataclass(frozen=True)
class PriceChange:
    """A change of a price.

    :param usd: per hour, from then on
    """

    at: datetime
    usd: Decimal


class SpotPrices:
    """Extension that answers DescribeSpotPriceHistory.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Start with prices that nobody has changed."""
        self._now = now
        self._started_at = now()
        self._changes: dict[tuple[str, str], list[PriceChange]] = {}

    def set(self, instance_type: str, zone: str, usd_per_hour: Decimal) -> None:
        """Change the price of a type in a zone from now on."""
        self._changes.setdefault((instance_type, zone), []).append(PriceChange(self._now(), usd_per_hour))

    def patch(self, patches: Patches) -> None:
        """Replace DescribeSpotPriceHistory."""
        patches.add(EC2Response, "describe_spot_price_history", lambda response: ActionResult(self._describe(response)))

    def _describe(self, response: Any) -> Mapping[str, Any]:
        products = response._get_param("ProductDescriptions", [])
        offered = response.ec2_backend.describe_spot_price_history(
            response._get_param("InstanceTypes", []), response._filters_from_querystring()
        )
        # moto reads a time of a request without its zone, which is UTC.
        start_time = response._get_param("StartTime")
        since = start_time.replace(tzinfo=UTC) if start_time else None
        changes = [
            {
                "AvailabilityZone": offering["Location"],
                "InstanceType": offering["InstanceType"],
                "ProductDescription": LINUX,
                "SpotPrice": f"{change.usd:.6f}",
                "Timestamp": change.at,
            }
            for offering in offered
            for change in self._list_changes(response.region, offering["InstanceType"], offering["Location"], since)
            if LINUX in (products or [LINUX])
        ]
        start = int(response._get_param("NextToken") or 0)
        end = start + (response._get_int_param("MaxResults") or MAX_PER_PAGE)
        return {"SpotPriceHistory": changes[start:end], "NextToken": str(end) if end < len(changes) else ""}

    def _list_changes(self, region: str, name: str, zone: str, since: datetime | None) -> Sequence[PriceChange]:
        """Return the changes of a price, the newest first: those after `since`, and the last one before.

        A type without a list price has no spot price until one is set.
        """
        changes = [*self._build_first_change(region, name, zone), *self._changes.get((name, zone), ())]
        if since is not None:
            earlier = [change for change in changes if change.at <= since]
            changes = [*earlier[-1:], *changes[len(earlier) :]]
        return changes[::-1]

    def _build_first_change(self, region: str, name: str, zone: str) -> Iterator[PriceChange]:
        list_price = load_catalog().get_price(name, region)
        if list_price is not None:
            number = zlib.crc32(f"{name} {zone}".encode())
            ago = timedelta(hours=number % MAX_HOURS_UNCHANGED, minutes=1)
            yield PriceChange(self._started_at - ago, compute_spot_price(list_price, number))


def compute_spot_price(list_price: Decimal, number: int) -> Decimal:
    """Return a spot price.

    :param number: any number; equal ones have the same share of the list price
    """
    percent = LOWEST_PERCENT + number % (HIGHEST_PERCENT - LOWEST_PERCENT + 1)
    return (list_price * percent / 100).quantize(Decimal("0.0001"))

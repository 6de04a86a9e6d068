"""Spot prices: DescribeSpotPriceHistory with prices between a quarter and two thirds of the list price.

moto has one price for all types, which last changed in 2006. Here each type has its own price in each zone. It does not
change. Its last change is some hours ago, as on AWS, where a price can stay for days.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
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


class SpotPrices:
    """Extension that answers DescribeSpotPriceHistory.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Use a clock."""
        self._now = now

    def patch(self, patches: Patches) -> None:
        """Replace DescribeSpotPriceHistory."""

        def describe(response: Any) -> ActionResult:
            products = response._get_param("ProductDescriptions", [])
            offered = response.ec2_backend.describe_spot_price_history(
                response._get_param("InstanceTypes", []), response._filters_from_querystring()
            )
            prices = list(self._list_prices(response.region, offered)) if LINUX in (products or [LINUX]) else []
            start = int(response._get_param("NextToken") or 0)
            end = start + (response._get_int_param("MaxResults") or MAX_PER_PAGE)
            return ActionResult(
                {"SpotPriceHistory": prices[start:end], "NextToken": str(end) if end < len(prices) else ""}
            )

        patches.add(EC2Response, "describe_spot_price_history", describe)

    def _list_prices(self, region: str, offered: list[Mapping[str, str]]) -> Iterator[Mapping[str, Any]]:
        """Yield the last change of each price. A type without a list price has no spot price."""
        for offering in offered:
            name, zone = offering["InstanceType"], offering["Location"]
            list_price = load_catalog().get_price(name, region)
            if list_price is None:
                continue
            number = zlib.crc32(f"{name} {zone}".encode())
            yield {
                "AvailabilityZone": zone,
                "InstanceType": name,
                "ProductDescription": LINUX,
                "SpotPrice": f"{compute_spot_price(list_price, number):.6f}",
                "Timestamp": self._now() - timedelta(hours=number % MAX_HOURS_UNCHANGED, minutes=1),
            }


def compute_spot_price(list_price: Decimal, number: int) -> Decimal:
    """Return a spot price.

    :param number: any number; equal ones have the same share of the list price
    """
    percent = LOWEST_PERCENT + number % (HIGHEST_PERCENT - LOWEST_PERCENT + 1)
    return (list_price * percent / 100).quantize(Decimal("0.0001"))

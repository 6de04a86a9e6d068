"""Read from EC2 which zones offer an instance type, and spot prices. Nothing is changed here."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

MAX_FILTER_VALUES = 200
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html"""

PAGE_SIZE = 1000

LINUX = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
"""Names of Linux without a license in spot prices. The second one is that of accounts that also had EC2-Classic."""


class Offerings:
    """Reads what EC2 offers. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients) -> None:
        """Use these clients."""
        self._clients = clients

    def read_zones(self, region: str, types: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Return the zones that offer each of the types, by type; types that no zone offers are missing.

        Local Zones and Wavelength Zones are left out: they have other prices.
        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html
        """
        paginator = self._clients.ec2(region).get_paginator("describe_instance_type_offerings")
        zones: dict[str, set[str]] = {}
        with translate_errors():
            for type_filter in _build_filters(types):
                for page in paginator.paginate(
                    LocationType="availability-zone", Filters=[type_filter], PaginationConfig={"PageSize": PAGE_SIZE}
                ):
                    for offering in page["InstanceTypeOfferings"]:
                        if re.fullmatch(rf"{region}[a-z]", offering["Location"]):
                            zones.setdefault(offering["InstanceType"], set()).add(offering["Location"])
        return {name: frozenset(found) for name, found in zones.items()}

    def read_spot_prices(self, region: str, types: Iterable[str], now: datetime) -> Mapping[tuple[str, str], Decimal]:
        """Return the current spot prices of Linux in USD per hour, by type and zone.

        The history from now on begins with the last change of each price before now.
        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html
        """
        paginator = self._clients.ec2(region).get_paginator("describe_spot_price_history")
        newest: dict[tuple[str, str], tuple[datetime, Decimal]] = {}
        with translate_errors():
            for type_filter in _build_filters(types):
                for page in paginator.paginate(
                    StartTime=now,
                    ProductDescriptions=list(LINUX),
                    Filters=[type_filter],
                    PaginationConfig={"PageSize": PAGE_SIZE},
                ):
                    for change in page["SpotPriceHistory"]:
                        key = (change["InstanceType"], change["AvailabilityZone"])
                        price = (change["Timestamp"], Decimal(change["SpotPrice"]))
                        newest[key] = max(newest.get(key, price), price)
        return {key: price for key, (_, price) in newest.items()}


def _build_filters(types: Iterable[str]) -> "Iterator[FilterTypeDef]":
    """Yield filters that select the types, each with as many as one call accepts."""
    names: Sequence[str] = sorted(types)
    for start in range(0, len(names), MAX_FILTER_VALUES):
        yield {"Name": "instance-type", "Values": list(names[start : start + MAX_FILTER_VALUES])}

"""Read from AWS what the catalog is refreshed with: types of regions, prices, and the regions of the account.

Nothing is changed here.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.instance_types import GPU_MAKERS, list_offered_types, parse_type_info
from chalicelib.aws.price_list import PRICE_LIST_REGION, read_prices
from chalicelib.domain.catalog.families import get_family_name
from chalicelib.domain.catalog.refresh import DescribedType

MAX_NAMES = 100
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html"""

SERIES_WITHOUT_GPUS = frozenset(
    {"a", "c", "d", "dl", "f", "h", "hpc", "i", "im", "inf", "is", "m", "mac", "r", "t", "trn", "u", "vt", "x", "z"}
)
"""Series of types that have no GPU, by the letters that their names begin with. A region offers more than a thousand of
them, and no filter of EC2 leaves them out. The types of any other series are described, also those of a new one.

https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
"""


class CatalogSource:
    """Reads types, prices and regions. Each method raises AwsError if AWS rejects a call or does not respond."""

    def __init__(self, clients: Clients) -> None:
        """Use these clients."""
        self._clients = clients

    def read_types(self, region: str, known: Collection[str]) -> dict[str, DescribedType]:
        """Return the types with GPUs that a region offers in any of its zones, and the known ones, by name.

        :param known: names of types to return also if they have no GPU
        """
        client = self._clients.ec2(region)
        with translate_errors():
            names = sorted(name for name in list_offered_types(client) if name in known or may_have_gpus(name))
            infos = [
                info
                for batch in _divide(names)
                for info in client.describe_instance_types(InstanceTypes=batch)["InstanceTypes"]  # type: ignore[arg-type]
            ]
        described = [parse_type_info(info) for info in infos]
        return {each.facts.name: each for each in described if each.gpu_maker in GPU_MAKERS or each.facts.name in known}

    def read_prices(self, type_name: str) -> dict[str, Decimal]:
        """Return USD per hour by region, on demand, Linux; empty: AWS publishes no price of the type."""
        with translate_errors():
            return read_prices(self._clients.pricing(PRICE_LIST_REGION), type_name)

    def read_opt_ins(self, region: str) -> Mapping[str, str]:
        """Return the opt-in status of all regions of AWS, also of those that the account cannot use.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html

        :param region: the region to call
        """
        with translate_errors():
            found = self._clients.ec2(region).describe_regions(AllRegions=True)["Regions"]
        return {each["RegionName"]: each["OptInStatus"] for each in found}


def may_have_gpus(type_name: str) -> bool:
    """Return whether a type can have GPUs, as far as its name says."""
    series = re.match("[a-z]+", get_family_name(type_name))
    return series is None or series[0] not in SERIES_WITHOUT_GPUS


def _divide(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield the names in as few parts as the calls accept."""
    listed = list(names)
    for start in range(0, len(listed), MAX_NAMES):
        yield listed[start : start + MAX_NAMES]

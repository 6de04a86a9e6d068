"""VPC and subnets of instances by region, as one environment variable lists them."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.domain.common.regions import REGION_PATTERN

VPC_PATTERN = r"vpc-[0-9a-f]{8,17}"
SUBNET_PATTERN = r"subnet-[0-9a-f]{8,17}"
NETWORK_PATTERN = rf"{REGION_PATTERN}={VPC_PATTERN}(:{SUBNET_PATTERN})*"
"""One region: its VPC, and the subnets of it that instances may use."""


@dataclass(frozen=True)
class RegionNetwork:
    """The network of instances in a region.

    :param subnets: the subnets that instances may use; empty: `launch_prerequisites.choose_subnets` finds them
    """

    vpc: str
    subnets: tuple[str, ...] = ()


def parse_networks(entries: Iterable[str]) -> dict[str, RegionNetwork]:
    """Return the networks of entries that match NETWORK_PATTERN, by region."""
    networks = {}
    for entry in entries:
        region, _, ids = entry.partition("=")
        vpc, *subnets = ids.split(":")
        networks[region] = RegionNetwork(vpc, tuple(subnets))
    return networks


def build_group_name(name: str, vpc: str) -> str:
    """Return the name of the security group in a VPC of the settings, or with an empty `vpc` in the default VPC.

    CloudFormation replaces a group if its VPC changes, and the new one must have another name.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    return f"{name}-{vpc}" if vpc else name

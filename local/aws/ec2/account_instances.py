"""What EC2 answers about all instances of an account: wildcards in the filter of types, and the enabled regions.

moto compares the values of this filter exactly, and lists the regions of all partitions.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.models.instances import InstanceBackend

from local.aws.core.patches import Patches

TYPE_FILTER = "instance-type"
DISABLED = "not-opted-in"
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")


def patch(patches: Patches) -> None:
    """Extend DescribeInstances and DescribeRegions."""
    patches.wrap(InstanceBackend, "all_reservations", _expand_wildcards)
    patches.wrap(RegionsAndZonesBackend, "describe_regions", _select_enabled)


def _expand_wildcards(original: Callable[..., Any]) -> Callable[..., Any]:
    """Replace patterns of types by the types of the instances that match them."""

    def all_reservations(backend: Any, filters: Any = None) -> Any:
        if filters and TYPE_FILTER in filters:
            types = {instance.instance_type for each in backend.reservations.values() for instance in each.instances}
            matching = [name for name in types if any(fnmatchcase(name, text) for text in filters[TYPE_FILTER])]
            filters = {**filters, TYPE_FILTER: matching}
        return original(backend, filters)

    return all_reservations


def _select_enabled(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return only the regions that the account can use, unless the request names regions."""

    def describe_regions(backend: Any, region_names: list[str] | None = None) -> Any:
        regions = [each for each in original(backend, region_names) if not each.name.startswith(OTHER_PARTITIONS)]
        return [each for each in regions if region_names or each.opt_in_status != DISABLED]

    return describe_regions

"""Answer calls about all instances of an account: wildcards in the filter of types, and the enabled regions.

moto compares the values of this filter exactly, and lists the regions of all partitions.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.availability_zones_and_regions import AvailabilityZonesAndRegions

from local.aws.core.patches import Patches

TYPE_FILTER = "instance-type"
DISABLED = "not-opted-in"
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")


def patch(patches: Patches) -> None:
    """Extend DescribeInstances and DescribeRegions."""
    patches.wrap(InstanceBackend, "all_reservations", _expand_wildcards)
    patches.add(AvailabilityZonesAndRegions, "describe_regions", describe_regions)


def _expand_wildcards(original: Callable[..., Any]) -> Callable[..., Any]:
    """Replace patterns of types by the types of the instances that match them."""

    def all_reservations(backend: Any, filters: Any = None) -> Any:
        if filters and TYPE_FILTER in filters:
            types = {instance.instance_type for each in backend.reservations.values() for instance in each.instances}
            matching = [name for name in types if any(fnmatchcase(name, text) for text in filters[TYPE_FILTER])]
            filters = {**filters, TYPE_FILTER: matching}
        return original(backend, filters)

    return all_reservations


def describe_regions(self: Any) -> ActionResult:
    """Return the regions that the account can use; others only if the request names them or asks for all."""
    self.error_on_dryrun()
    names = self._get_param("RegionNames", [])
    shows_all = bool(names) or str(self._get_param("AllRegions", "false")).lower() == "true"
    regions = [each for each in self.ec2_backend.describe_regions(names) if not each.name.startswith(OTHER_PARTITIONS)]
    return ActionResult({"Regions": [each for each in regions if shows_all or each.opt_in_status != DISABLED]})

"""Read a request of RunInstances: its zone, and whether EC2 accepts it. moto accepts every combination."""

from collections.abc import Mapping
from typing import Any

from moto.ec2.exceptions import InvalidAMIIdError
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

from local.aws.core.errors import CloudError
from local.aws.ec2.machine_specs import require_architecture


def find_zone(backend: Any, placement: Mapping[str, Any]) -> str:
    """Return the zone of a launch: the zone of its subnet, else of its placement, else the first one of the region."""
    subnet_id = placement.get("subnet_id") or next(
        (nic["SubnetId"] for nic in placement.get("nics") or [] if "SubnetId" in nic), None
    )
    if subnet_id:
        return str(backend.get_subnet(subnet_id).availability_zone)
    return placement.get("placement") or f"{backend.region_name}a"


def read_placement(response: Any) -> dict[str, Any]:
    """Return what a RunInstances request says about its zone."""
    return {
        "subnet_id": response._get_param("SubnetId"),
        "nics": response._get_param("NetworkInterfaces", []),
        "placement": response._get_param("Placement.AvailabilityZone"),
    }


def check_request(backend: Any, image_id: str, instance_type: str, zone: str) -> None:
    """Refuse a launch that EC2 would refuse: an unknown AMI, or a type that does not run it or is not in the zone.

    :raises ServiceException: the error of EC2
    """
    if image_id and image_id not in backend.amis:
        raise InvalidAMIIdError(image_id)
    if image_id:
        require_architecture(instance_type, backend.amis[image_id].architecture)
    in_region = _is_offered("region", backend.region_name, backend.region_name, instance_type)
    if in_region and not _is_offered("availability-zone", backend.region_name, zone, instance_type):
        raise CloudError(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability "
            f"Zone ({zone}).",
        )


def list_zones(instance_type: str, region: str) -> list[str]:
    """Return the zones of a region that offer an instance type, sorted."""
    offerings = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return sorted({each["Location"] for each in offerings if each["InstanceType"] == instance_type})


def _is_offered(kind: str, region: str, location: str, instance_type: str) -> bool:
    return any(
        offering["InstanceType"] == instance_type and offering["Location"] == location
        for offering in INSTANCE_TYPE_OFFERINGS[kind].get(region, [])
    )

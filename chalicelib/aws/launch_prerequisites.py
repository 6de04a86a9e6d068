"""Reading of what RunInstances must name: AMI, subnet and security group."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tags import STAGE_TAG
from chalicelib.domain.common.aws_errors import AwsNotFound, PrerequisiteMissing
from chalicelib.region_networks import RegionNetwork, build_group_name

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import SubnetTypeDef


@dataclass(frozen=True)
class AmiDetails:
    """The properties of an AMI that a launch needs.

    :param root_device: the device name of the root disk; with a wrong name EC2 would add a second disk
    :param snapshot_gib: the size of its snapshot; EC2 rejects a smaller root disk
    """

    root_device: str
    snapshot_gib: int


@dataclass(frozen=True)
class Subnet:
    """A subnet that an instance can be launched in.

    :param assigns_public_address: its setting MapPublicIpOnLaunch. A private subnet has none, and an organization may
        forbid public addresses
    """

    subnet_id: str
    zone: str
    security_group_id: str
    assigns_public_address: bool


@dataclass(frozen=True)
class NetworkSettings:
    """Settings of the deployment about the network of instances.

    :param stage: the value of the stage tag, which subnets may have
    :param security_group: the name of the security group without ingress rules; in a VPC of the settings, the id of the
        VPC follows
    :param regions: VPC and subnets by region; a region without an entry uses its default VPC
    """

    stage: str
    security_group: str
    regions: Mapping[str, RegionNetwork] = field(default_factory=dict)

    def get_group_name(self, region: str) -> str:
        """Return the name of the security group of a region."""
        network = self.regions.get(region)
        return build_group_name(self.security_group, network.vpc if network else "")


class LaunchPrerequisites:
    """AMIs, subnets and security groups. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients, network: NetworkSettings) -> None:
        """Use the clients and the network of a deployment."""
        self._clients = clients
        self._network = network

    def describe_image(self, region: str, image_id: str) -> AmiDetails:
        """Return root device and snapshot size of an AMI.

        :raises PrerequisiteMissing: it does not exist
        """
        try:
            with translate_errors():
                images = self._clients.ec2(region).describe_images(ImageIds=[image_id])["Images"]
        except AwsNotFound:
            images = []
        if not images:
            raise PrerequisiteMissing(f"AMI {image_id} does not exist in {region}, or is not shared with this account")
        root = images[0]["RootDeviceName"]
        sizes = [
            mapping["Ebs"].get("VolumeSize", 0)
            for mapping in images[0].get("BlockDeviceMappings", ())
            if mapping.get("DeviceName") == root and "Ebs" in mapping
        ]
        return AmiDetails(root, max(sizes, default=0))

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the usable subnets of the zones that offer the type, ordered by zone.

        :raises PrerequisiteMissing: no VPC has the security group of the deployment, or the subnets of the settings do
            not exist
        """
        groups = self.map_security_groups(region)
        if not groups:
            name = self._network.get_group_name(region)
            raise PrerequisiteMissing(f"gpudesk is not set up in {region}: no VPC has the security group {name}")
        with translate_errors():
            client = self._clients.ec2(region)
            zones = {
                offering["Location"]
                for page in client.get_paginator("describe_instance_type_offerings").paginate(
                    LocationType="availability-zone",
                    Filters=[{"Name": "instance-type", "Values": [type_name]}],
                )
                for offering in page["InstanceTypeOfferings"]
            }
        usable = self.list_usable_subnets(region, groups)
        if not usable:
            raise PrerequisiteMissing(f"gpudesk has no subnet in {region}: those of its settings do not exist")
        offered = [
            Subnet(
                subnet["SubnetId"],
                subnet["AvailabilityZone"],
                groups[subnet["VpcId"]],
                assigns_public_address=subnet.get("MapPublicIpOnLaunch", False),
            )
            for subnet in usable
            if subnet["AvailabilityZone"] in zones
        ]
        return sorted(offered, key=lambda subnet: (subnet.zone, subnet.subnet_id))

    def list_subnet_zones(self, region: str) -> frozenset[str]:
        """Return the zones in which a launch finds a subnet; none if gpudesk is not set up in the region."""
        usable = self.list_usable_subnets(region, self.map_security_groups(region))
        return frozenset(subnet["AvailabilityZone"] for subnet in usable)

    def list_usable_subnets(self, region: str, vpcs: Collection[str]) -> "list[SubnetTypeDef]":
        """Return the subnets of VPCs that instances may use, as EC2 describes them."""
        if not vpcs:
            return []
        with translate_errors():
            pages = self._clients.ec2(region).get_paginator("describe_subnets")
            found = pages.paginate(Filters=[{"Name": "vpc-id", "Values": sorted(vpcs)}])
            subnets = [subnet for page in found for subnet in page["Subnets"]]
        network = self._network.regions.get(region)
        return choose_subnets(subnets, self._network.stage, network.subnets if network else ())

    def map_security_groups(self, region: str) -> Mapping[str, str]:
        """Return the ids of the security groups without ingress that the deployment has created, by their VPCs."""
        with translate_errors():
            groups = self._clients.ec2(region).describe_security_groups(
                Filters=[{"Name": "group-name", "Values": [self._network.get_group_name(region)]}]
            )["SecurityGroups"]
        return {group["VpcId"]: group["GroupId"] for group in groups}


def choose_subnets(
    subnets: "Sequence[SubnetTypeDef]", stage: str, listed: Collection[str] = ()
) -> "list[SubnetTypeDef]":
    """Return the subnets that instances may use.

    If the settings list some, only these. Otherwise those with the stage tag, or else the default subnets of the zones,
    which a default VPC has, or else all.

    :param listed: the ids that the settings list for the region
    """
    if listed:
        return [subnet for subnet in subnets if subnet["SubnetId"] in listed]
    tag = {"Key": STAGE_TAG, "Value": stage}
    tagged = [subnet for subnet in subnets if tag in subnet.get("Tags", ())]
    default = [subnet for subnet in subnets if subnet.get("DefaultForAz")]
    return tagged or default or list(subnets)

"""Reading of what RunInstances must name: AMI, subnet and security group."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tags import STAGE_TAG
from chalicelib.domain.common.aws_errors import AwsNotFound, PrerequisiteMissing

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
    :param security_group: the name of the security group without ingress rules, which the VPC of the instances has
    :param subnets: the ids of the subnets that instances may use, of all regions
    """

    stage: str
    security_group: str
    subnets: tuple[str, ...] = ()


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

        :raises PrerequisiteMissing: no VPC of the region has the security group of the deployment
        """
        groups = self.map_security_groups(region)
        if not groups:
            raise PrerequisiteMissing(
                f"gpudesk is not set up in {region}: no VPC has the security group {self._network.security_group}"
            )
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
        offered = [
            Subnet(
                subnet["SubnetId"],
                subnet["AvailabilityZone"],
                groups[subnet["VpcId"]],
                assigns_public_address=subnet.get("MapPublicIpOnLaunch", False),
            )
            for subnet in self.list_usable_subnets(region, groups)
            if subnet["AvailabilityZone"] in zones
        ]
        return sorted(offered, key=lambda subnet: (subnet.zone, subnet.subnet_id))

    def list_usable_subnets(self, region: str, vpcs: Collection[str]) -> "list[SubnetTypeDef]":
        """Return the subnets of VPCs that instances may use, as EC2 describes them."""
        if not vpcs:
            return []
        with translate_errors():
            pages = self._clients.ec2(region).get_paginator("describe_subnets")
            found = pages.paginate(Filters=[{"Name": "vpc-id", "Values": sorted(vpcs)}])
            subnets = [subnet for page in found for subnet in page["Subnets"]]
        return choose_subnets(subnets, self._network)

    def map_security_groups(self, region: str) -> Mapping[str, str]:
        """Return the ids of the security groups without ingress that the deployment has created, by their VPCs."""
        with translate_errors():
            groups = self._clients.ec2(region).describe_security_groups(
                Filters=[{"Name": "group-name", "Values": [self._network.security_group]}]
            )["SecurityGroups"]
        return {group["VpcId"]: group["GroupId"] for group in groups}


def choose_subnets(subnets: "Sequence[SubnetTypeDef]", network: NetworkSettings) -> "list[SubnetTypeDef]":
    """Return the subnets that instances may use.

    These are the subnets that the settings list. If they list none of them: those with the stage tag, or else the
    default subnets of the zones, which a default VPC has, or else all.
    """
    tag = {"Key": STAGE_TAG, "Value": network.stage}
    listed = [subnet for subnet in subnets if subnet["SubnetId"] in network.subnets]
    tagged = [subnet for subnet in subnets if tag in subnet.get("Tags", ())]
    default = [subnet for subnet in subnets if subnet.get("DefaultForAz")]
    return listed or tagged or default or list(subnets)

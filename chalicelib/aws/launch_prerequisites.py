"""Read from EC2 what RunInstances must name: AMI, subnet and security group. Nothing is changed here."""

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
    vpc_id: str
    assigns_public_address: bool


class LaunchPrerequisites:
    """AMIs, subnets and security groups. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Prefer subnets with this stage tag.

        :param stage: the value of the tag
        """
        self._clients = clients
        self._stage = stage

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
        """Return the usable subnets of the zones that offer the type, ordered by zone."""
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
                subnet["VpcId"],
                assigns_public_address=subnet.get("MapPublicIpOnLaunch", False),
            )
            for subnet in self.list_usable_subnets(region)
            if subnet["AvailabilityZone"] in zones
        ]
        return sorted(offered, key=lambda subnet: (subnet.zone, subnet.subnet_id))

    def list_usable_subnets(self, region: str) -> "list[SubnetTypeDef]":
        """Return the subnets with the stage tag as EC2 describes them; if there are none, those of the default VPC."""
        with translate_errors():
            pages = self._clients.ec2(region).get_paginator("describe_subnets").paginate()
            subnets = [subnet for page in pages for subnet in page["Subnets"]]
        tagged = [subnet for subnet in subnets if {"Key": STAGE_TAG, "Value": self._stage} in subnet.get("Tags", [])]
        return tagged or [subnet for subnet in subnets if subnet.get("DefaultForAz")]

    def get_security_group_id(self, region: str, vpc_id: str, name: str) -> str:
        """Return the id of the security group without ingress that the deployment created.

        :raises PrerequisiteMissing: it does not exist in this VPC
        """
        with translate_errors():
            groups = self._clients.ec2(region).describe_security_groups(
                Filters=[{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": [name]}]
            )["SecurityGroups"]
        if not groups:
            raise PrerequisiteMissing(f"gpudesk is not set up in {region}: {vpc_id} has no security group {name}")
        return groups[0]["GroupId"]

"""A launch request made complete: image, root device, disk, subnet, zone. What is frozen here is sent as it is."""

import hashlib
from dataclasses import dataclass

from chalicelib.aws.ec2 import Ec2, tags_for
from chalicelib.aws.ssm import Ssm
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog, UnknownType
from chalicelib.domain.common.errors import InsufficientCapacity, PermanentAwsError
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.record import Instance
from chalicelib.settings import Settings


@dataclass(frozen=True)
class LaunchResolver:
    """Asks AWS for what a launch has to name."""

    ec2: Ec2
    ssm: Ssm
    catalog: InstanceTypeCatalog
    settings: Settings

    def resolve(self, instance: Instance, zones_refused: tuple[str, ...]) -> LaunchAttempt:
        """The next attempt, in a zone that has not refused.

        :raises NoCapacity: none is left
        :raises CloudError: AWS did not answer, or something is missing there
        """
        spec = instance.spec
        try:
            kind = self.catalog.get_type(spec.hardware.instance_type)
        except UnknownType as error:
            raise PermanentAwsError("UnknownType", str(error)) from error
        parameter = spec.software.image_parameter or kind.image
        if parameter is None:
            raise PermanentAwsError("NoImage", kind.unavailable or f"no image is known for {kind.name}")
        offered = self.ec2.subnets(spec.region, kind.name)
        if not offered:
            raise PermanentAwsError(
                "NotOffered", f"no zone of {spec.region} in which the desk has a subnet offers {kind.name}"
            )
        subnets = [subnet for subnet in offered if subnet.zone not in zones_refused]
        if not subnets:
            raise InsufficientCapacity("NoZoneLeft", f"no zone of {spec.region} offers {kind.name} now")
        subnet = subnets[0]
        image_id = spec.software.image.ami_id if spec.software.image else self._image_id(spec.region, parameter)
        image = self.ec2.describe_image(spec.region, image_id)
        number = instance.launch.attempt_count + 1
        return LaunchAttempt(
            number=number,
            token=launch_token(instance.id, number, spec.region, subnet.zone),
            region=spec.region,
            zone=subnet.zone,
            subnet_id=subnet.subnet_id,
            security_group_id=self.ec2.security_group(spec.region, subnet.vpc_id, self.settings.security_group),
            image_id=image_id,
            root_device=image.root_device,
            disk_gib=max(spec.disk_gib, image.snapshot_gib),
            instance_type=kind.name,
            instance_profile=self.settings.instance_profile,
            public_address=True,
            tags=tags_for(
                desk_id=instance.id,
                name=instance.name,
                owner=instance.owner,
                stage=self.settings.stage,
                more=spec.tags,
            ),
        )

    def _image_id(self, region: str, parameter: str) -> str:
        try:
            return self.ssm.get_parameter(region, parameter)
        except PermanentAwsError as error:
            message = f"SSM parameter {parameter} could not be read in {region}, so no AMI was found: {error.message}"
            raise PermanentAwsError(error.code, message) from error


def launch_token(desk_id: str, number: int, region: str, zone: str) -> str:
    """RunInstances' ClientToken, 64 ASCII characters; EC2 launches anew in another zone, so that is part of it.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    return hashlib.sha256(f"{desk_id}|{number}|{region}|{zone}".encode()).hexdigest()

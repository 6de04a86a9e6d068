"""Complete a launch request: AMI, root device, disk, subnet, zone. The result is stored and sent unchanged."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from chalicelib.aws.launch_prerequisites import AmiDetails, Subnet
from chalicelib.aws.tags import build_instance_tags
from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.catalog.lookup_errors import UnknownType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import (
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    PrerequisiteMissing,
)
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.offers.likelihood import estimate_likelihood
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.offers.spot_price import find_spot_price
from chalicelib.settings import Settings


class PrerequisiteSource(Protocol):
    """What `aws/launch_prerequisites.py` reads from EC2. Each method raises AwsError."""

    def describe_image(self, region: str, image_id: str) -> AmiDetails:
        """Return root device and snapshot size of an AMI."""
        ...

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer the type."""
        ...


class ParameterSource(Protocol):
    """What `aws/ssm.py` reads for a launch."""

    def get_parameter(self, region: str, name: str) -> str:
        """Return the value of a public parameter, or raise AwsError."""
        ...


class CapacitySource(Protocol):
    """What `store/capacity.py` reads for a launch."""

    def get(self, region: str) -> RegionCapacity:
        """Return the records of capacity of a region."""
        ...


class OfferSource(Protocol):
    """What `store/offers.py` reads for a launch."""

    def get_many(self, regions: Iterable[str]) -> Mapping[str, RegionOfferings]:
        """Return what was read of regions, by region."""
        ...


@dataclass(frozen=True)
class LaunchResolver:
    """Reads from AWS what RunInstances needs besides the spec. It changes nothing."""

    prerequisites: PrerequisiteSource
    parameters: ParameterSource
    catalog: InstanceTypeCatalog
    settings: Settings
    capacity: CapacitySource
    offers: OfferSource
    clock: Clock

    def resolve(self, instance: Instance, zones_without_capacity: tuple[str, ...]) -> LaunchAttempt:
        """Return the next attempt.

        :param zones_without_capacity: zones in which EC2 had no capacity
        :raises InsufficientCapacity: no other zone is left
        :raises AwsError: AWS did not respond, or something that the launch needs is missing
        """
        spec = instance.spec
        instance_type = self._find_type(spec)
        parameter = _choose_image_parameter(spec, instance_type)
        subnet = self._choose_subnet(spec, instance_type.name, zones_without_capacity)
        image_id = spec.software.image.ami_id if spec.software.image else self._read_ami_id(spec.region, parameter)
        image = self.prerequisites.describe_image(spec.region, image_id)
        number = instance.launch.attempt_count + 1
        return LaunchAttempt(
            number=number,
            token=build_launch_token(instance.id, number, spec.region, subnet.zone),
            region=spec.region,
            zone=subnet.zone,
            subnet_id=subnet.subnet_id,
            security_group_id=subnet.security_group_id,
            image_id=image_id,
            root_device=image.root_device,
            disk_gib=_choose_disk_gib(spec, image.snapshot_gib),
            snapshot_gib=image.snapshot_gib,
            instance_type=instance_type.name,
            market=spec.market,
            instance_profile=self.settings.instance_profile,
            public_address=subnet.assigns_public_address,
            metadata_hop_limit=spec.metadata_hop_limit,
            tags=build_instance_tags(
                record_id=instance.id,
                name=instance.name,
                owner=instance.owner,
                stage=self.settings.stage,
                more=spec.tags,
            ),
        )

    def find_address_price(self, attempt: LaunchAttempt) -> Decimal:
        """Return US dollars per hour of the public IPv4 address; 0 if the subnet gives none."""
        return self.catalog.address_price_per_hour if attempt.public_address else Decimal(0)

    def find_spot_price(self, attempt: LaunchAttempt) -> Decimal | None:
        """Return US dollars per hour on spot; None: the attempt is on-demand, or the price is unknown."""
        if attempt.market is not Market.SPOT:
            return None
        offerings = self.offers.get_many([attempt.region]).get(attempt.region)
        return find_spot_price(offerings, attempt.instance_type, attempt.zone)

    def _find_type(self, spec: Spec) -> InstanceType:
        try:
            return self.catalog.get_type(spec.hardware.instance_type)
        except UnknownType as error:
            # The API may have a newer catalog. It is read again within a minute.
            raise AwsNotFound("UnknownInstanceType", str(error)) from error

    def _choose_subnet(self, spec: Spec, type_name: str, zones_without_capacity: tuple[str, ...]) -> Subnet:
        region = spec.region
        offered = self.prerequisites.list_subnets(region, type_name)
        if not offered:
            raise PrerequisiteMissing(f"gpudesk has no subnet in a zone of {region} that offers {type_name}")
        subnets = [subnet for subnet in offered if subnet.zone not in zones_without_capacity]
        if not subnets:
            raise InsufficientCapacity(
                "NoZoneLeft", f"No zone of {region} has {spec.market} capacity for {type_name} now"
            )
        return self._choose_likeliest(region, type_name, spec.market, subnets) if len(subnets) > 1 else subnets[0]

    def _choose_likeliest(self, region: str, type_name: str, market: Market, subnets: Sequence[Subnet]) -> Subnet:
        """Return a subnet of the zone to try next: not refused recently, then the likeliest, then the first by name."""
        capacity, now = self.capacity.get(region), self.clock.now()

        def build_key(subnet: Subnet) -> tuple[bool, float, str, str]:
            record = capacity.find_record(type_name, subnet.zone, market)
            return record.is_avoided(now), -estimate_likelihood(record, now).value, subnet.zone, subnet.subnet_id

        return min(subnets, key=build_key)

    def _read_ami_id(self, region: str, parameter: str) -> str:
        try:
            return self.parameters.get_parameter(region, parameter)
        except AwsNotFound as error:
            message = f"SSM parameter {parameter} could not be read in {region}, so no AMI was found: it does not exist"
            raise PrerequisiteMissing(message) from error
        except PermanentAwsError as error:
            message = f"SSM parameter {parameter} could not be read in {region}, so no AMI was found: {error.message}"
            raise PermanentAwsError(error.code, message) from error


def _choose_disk_gib(spec: Spec, snapshot_gib: int) -> int:
    """Return the size of the root disk: EC2 rejects one that is smaller than the snapshot of the image."""
    if spec.free_disk_gib is not None:
        return snapshot_gib + spec.free_disk_gib
    return max(spec.disk_gib or 0, snapshot_gib)


def _choose_image_parameter(spec: Spec, instance_type: InstanceType) -> str:
    parameter = spec.software.image_parameter or instance_type.image
    if parameter is None:
        raise PrerequisiteMissing(instance_type.unavailable or f"No AMI is known for {instance_type.name}")
    return parameter


def build_launch_token(record_id: str, number: int, region: str, zone: str) -> str:
    """Return RunInstances' ClientToken: 64 ASCII characters.

    EC2 compares tokens within one zone only, so the zone is part of the token.
    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    return hashlib.sha256(f"{record_id}|{number}|{region}|{zone}".encode()).hexdigest()

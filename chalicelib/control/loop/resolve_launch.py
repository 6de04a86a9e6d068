"""Complete a launch request: offer, AMI, root device, disk, subnet. The result is stored and sent unchanged."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import Decimal

from chalicelib.aws.tags import build_instance_tags
from chalicelib.control.loop.choose_offer import OfferSelector
from chalicelib.control.loop.launch_sources import ParameterSource, PrerequisiteSource
from chalicelib.control.loop.subnet_finder import MoveSubnets
from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.catalog.lookup_errors import UnknownType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import AwsNotFound, PermanentAwsError, PrerequisiteMissing
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.hardware import build_hardware, find_rates
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.launch_tries import OfferKey
from chalicelib.domain.instances.outcome import LaunchResolved
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.instances.spot_rates import to_spot_rates
from chalicelib.domain.launch.next_offer import find_choice
from chalicelib.settings import Settings


@dataclass(frozen=True)
class LaunchResolver:
    """Reads from AWS what RunInstances needs besides the spec. It changes nothing."""

    prerequisites: PrerequisiteSource
    parameters: ParameterSource
    catalog: InstanceTypeCatalog
    settings: Settings
    selector: OfferSelector

    def resolve(self, instance: Instance, excluded: Collection[OfferKey] = ()) -> LaunchResolved:
        """Return the next attempt, with the hardware and the prices of its offer.

        :param excluded: offers that are not tried: those of this pass, and those that EC2 has just refused
        :raises NoOfferLeft: no offer is left in this pass
        :raises AwsError: AWS did not respond, or something that the launch needs is missing
        """
        spec, move = instance.spec, instance.move
        self._find_type(find_choice(spec).instance_type)
        subnets = MoveSubnets(self.prerequisites, move) if move else self.prerequisites
        chosen = self.selector.select(instance, subnets, excluded)
        offer, subnet = chosen.offer, chosen.subnet
        parameter = _choose_image_parameter(spec, self._find_type(offer.instance_type))
        image_id = _find_own_image(instance) or self._read_ami_id(offer.region, parameter)
        image = self.prerequisites.describe_image(offer.region, image_id)
        number = instance.launch.attempt_count + 1
        attempt = LaunchAttempt(
            number=number,
            token=build_launch_token(instance.id, number, offer.region, subnet.zone),
            region=offer.region,
            zone=subnet.zone,
            subnet_id=subnet.subnet_id,
            security_group_id=subnet.security_group_id,
            image_id=image_id,
            root_device=image.root_device,
            disk_gib=_choose_disk_gib(spec, image.snapshot_gib),
            snapshot_gib=image.snapshot_gib,
            instance_type=offer.instance_type,
            market=offer.market,
            price=offer.price,
            was_avoided=offer.was_avoided,
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
        return LaunchResolved(
            attempt,
            build_hardware(offer.instance_type, self.catalog),
            self._find_rates(attempt),
            next_offer=chosen.next_offer,
            is_new_round=chosen.is_new_round,
            above_maximum=chosen.above_maximum,
        )

    def _find_rates(self, attempt: LaunchAttempt) -> Rates:
        """Return the prices of an attempt. The address costs nothing if the subnet gives none."""
        rates = find_rates(attempt.instance_type, attempt.region, attempt.disk_gib, self.catalog)
        if attempt.market is Market.SPOT:
            rates = to_spot_rates(rates, attempt.price)
        elif attempt.price is not None:
            rates = replace(rates, instance=attempt.price)
        return replace(
            rates,
            address=rates.address if attempt.public_address else Decimal(0),
        )

    def _find_type(self, name: str) -> InstanceType:
        try:
            return self.catalog.get_type(name)
        except UnknownType as error:
            # The API may have a newer catalog. It is read again within a minute.
            raise AwsNotFound("UnknownInstanceType", str(error)) from error

    def _read_ami_id(self, region: str, parameter: str) -> str:
        try:
            return self.parameters.get_parameter(region, parameter)
        except AwsNotFound as error:
            message = f"SSM parameter {parameter} could not be read in {region}, so no AMI was found: it does not exist"
            raise PrerequisiteMissing(message) from error
        except PermanentAwsError as error:
            message = f"SSM parameter {parameter} could not be read in {region}, so no AMI was found: {error.message}"
            raise PermanentAwsError(error.code, message) from error


def _find_own_image(instance: Instance) -> str | None:
    """Return the image of the move or the gpudesk image that the instance is launched from; None: a public image."""
    if instance.move:
        return instance.move.launch_image_id
    return instance.spec.software.image.ami_id if instance.spec.software.image else None


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

"""Sources that a launch reads before its call: EC2 and SSM, and the stored offers, records and settings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from chalicelib.aws.launch_prerequisites import AmiDetails, Subnet
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.region_capacity import RegionCapacity


class SubnetSource(Protocol):
    """Source of subnets: `aws/launch_prerequisites.py`."""

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        """Return the subnets of the zones that offer the type."""
        ...


class PrerequisiteSource(SubnetSource, Protocol):
    """Source of subnets and images in EC2: `aws/launch_prerequisites.py`. Each method raises AwsError."""

    def describe_image(self, region: str, image_id: str) -> AmiDetails:
        """Return root device and snapshot size of an AMI."""
        ...


class ParameterSource(Protocol):
    """Source of public parameters: `aws/ssm.py`."""

    def get_parameter(self, region: str, name: str) -> str:
        """Return the value of a public parameter, or raise AwsError."""
        ...


class OfferSource(Protocol):
    """Source of the stored offers: `store/offers.py`."""

    def get_many_with_capacity(
        self, regions: Iterable[str], *, is_consistent: bool = False
    ) -> tuple[Mapping[str, RegionOfferings], Mapping[str, RegionCapacity]]:
        """Return what was read of regions, and their records of capacity."""
        ...


class RecordSource(Protocol):
    """Source of the records of instances: `store/instances/repository.py`."""

    def list_readable(self) -> Iterator[Instance]:
        """Yield the readable records that are not terminated."""
        ...


class SettingsSource(Protocol):
    """Source of the settings of the desk: `store/desk.py`."""

    def get_settings(self) -> DeskSettings:
        """Return the settings of the desk."""
        ...

"""Read the GPU instances of the account that this gpudesk does not manage. Nothing is changed here."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tags import ID_TAG, STAGE_TAG
from chalicelib.aws.volumes import PRICED_VOLUME
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.untrusted_text import clean_line, strip_to_line
from chalicelib.domain.foreign.instance import LINUX, MAX_TAG_LENGTH, ForeignInstance, select_tags
from chalicelib.domain.foreign.managers import find_manager
from chalicelib.domain.instances.ec2_instance import Ec2State

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

ENABLED = ("opt-in-not-required", "opted-in")
"""States of the regions that the account can use:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html"""

LISTED_STATES = (Ec2State.PENDING, Ec2State.RUNNING, Ec2State.STOPPING, Ec2State.STOPPED)
PAGE_SIZE = 1000
MAX_FILTER_VALUES = 200
MAX_TYPES = 100
"""The most names of one DescribeInstanceTypes call:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html"""

MARKETS: Mapping[str | None, Market] = {None: Market.ON_DEMAND, "spot": Market.SPOT}


class ForeignInstances:
    """Reads regions and instances. Each method raises AwsError if EC2 rejects a call or does not respond.

    :param stage: instances with this stage tag and an id tag are gpudesk's own
    """

    def __init__(self, clients: Clients, stage: str, home_region: str) -> None:
        """Use these clients."""
        self._clients = clients
        self._stage = stage
        self._home_region = home_region

    def list_regions(self) -> list[str]:
        """Return the names of the regions that are enabled for the account, sorted."""
        with translate_errors():
            regions = self._clients.ec2(self._home_region).describe_regions(
                Filters=[{"Name": "opt-in-status", "Values": list(ENABLED)}]
            )["Regions"]
        return sorted(region["RegionName"] for region in regions)

    def list_instances(self, region: str, type_patterns: Collection[str]) -> list[ForeignInstance]:
        """Return the instances of a region whose type matches a pattern, without gpudesk's own and terminated ones.

        The sizes of their disks are not read.

        :param type_patterns: such as `g*`
        """
        paginator = self._clients.ec2(region).get_paginator("describe_instances")
        with translate_errors():
            pages = paginator.paginate(
                Filters=[
                    {"Name": "instance-type", "Values": sorted(type_patterns)},
                    {"Name": "instance-state-name", "Values": [str(state) for state in LISTED_STATES]},
                ],
                PaginationConfig={"PageSize": PAGE_SIZE},
            )
            return [
                _to_foreign(region, instance, tags)
                for page in pages
                for reservation in page["Reservations"]
                for instance in reservation.get("Instances", ())
                if not self._is_own(tags := read_tags(instance))
            ]

    def add_disks(self, region: str, instances: Sequence[ForeignInstance]) -> list[ForeignInstance]:
        """Return the instances with the sizes of their disks, as far as all of them are gp3."""
        types: dict[str, set[str]] = {}
        sizes: dict[str, int] = {}
        paginator = self._clients.ec2(region).get_paginator("describe_volumes")
        ids = sorted(instance.instance_id for instance in instances)
        with translate_errors():
            for start in range(0, len(ids), MAX_FILTER_VALUES):
                attached = {"Name": "attachment.instance-id", "Values": ids[start : start + MAX_FILTER_VALUES]}
                for page in paginator.paginate(Filters=[attached]):  # type: ignore[list-item]
                    for volume in page["Volumes"]:
                        for attachment in volume.get("Attachments", ()):
                            instance_id = attachment.get("InstanceId", "")
                            types.setdefault(instance_id, set()).add(volume["VolumeType"])
                            sizes[instance_id] = sizes.get(instance_id, 0) + volume["Size"]
        return [
            replace(each, disk_gib=sizes[each.instance_id]) if types.get(each.instance_id) == {PRICED_VOLUME} else each
            for each in instances
        ]

    def find_gpu_types(self, region: str, names: Collection[str]) -> frozenset[str]:
        """Return those of the types that have a GPU."""
        return frozenset(self._yield_gpu_types(region, sorted(names)))

    def _yield_gpu_types(self, region: str, names: Sequence[str]) -> Iterator[str]:
        with translate_errors():
            for start in range(0, len(names), MAX_TYPES):
                described = self._clients.ec2(region).describe_instance_types(
                    InstanceTypes=list(names[start : start + MAX_TYPES])  # type: ignore[arg-type]
                )
                yield from (info["InstanceType"] for info in described["InstanceTypes"] if info.get("GpuInfo"))

    def _is_own(self, tags: Mapping[str, str]) -> bool:
        return ID_TAG in tags and tags.get(STAGE_TAG) == self._stage


def read_tags(instance: "InstanceTypeDef") -> dict[str, str]:
    """Return the tags of an instance."""
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}


def read_operator(instance: "InstanceTypeDef") -> str | None:
    """Return the service that EC2 names as the manager of an instance; None: there is none.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/amazon-ec2-managed-instances.html
    """
    operator = instance.get("Operator", {})
    return strip_to_line(operator.get("Principal", "an AWS service")) if operator.get("Managed") else None


def _to_foreign(region: str, instance: "InstanceTypeDef", tags: Mapping[str, str]) -> ForeignInstance:
    clean = {strip_to_line(key): clean_line(value) for key, value in tags.items()}
    return ForeignInstance(
        instance_id=instance["InstanceId"],
        region=region,
        zone=instance["Placement"].get("AvailabilityZone", ""),
        instance_type=instance["InstanceType"],
        state=Ec2State(instance["State"]["Name"]),
        launched_at=instance["LaunchTime"],
        name=clean.get("Name", "")[:MAX_TAG_LENGTH],
        tags=select_tags(clean),
        market=MARKETS.get(instance.get("InstanceLifecycle")),
        platform=instance.get("PlatformDetails", LINUX),
        manager=find_manager(tags, read_operator(instance)),
        other_stage=clean.get(STAGE_TAG) if ID_TAG in tags else None,
    )

"""EC2: what carries our tag, and the five things we do to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.common.errors import PermanentAwsError, TransientAwsError
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.instances.record import Ec2State, Machine, ScheduledEvent

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        InstanceStatusEventTypeDef,
        InstanceTypeDef,
        TagSpecificationTypeDef,
    )

ID_TAG = "gpudesk:id"
OWNER_TAG = "gpudesk:owner"
STAGE_TAG = "gpudesk:stage"
IMAGE_TAG = "gpudesk:image"
PAGE = 1000
EVENT_CODES = ("instance-retirement", "instance-stop", "instance-reboot", "system-reboot", "system-maintenance")
ENDED_EVENT_PREFIXES = ("[Completed]", "[Canceled]")
"""How the description of an event begins that is over."""
TAGGED = ("instance", "volume", "network-interface")


@dataclass(frozen=True)
class AmiDetails:
    """What a launch has to know of an AMI."""

    root_device: str
    snapshot_gib: int


@dataclass(frozen=True)
class Subnet:
    """Somewhere to launch."""

    subnet_id: str
    zone: str
    vpc_id: str


class Ec2:
    """One stage's instances. Raises the kinds of CloudError."""

    def __init__(self, clients: Clients, stage: str) -> None:
        self._clients = clients
        self._stage = stage

    def describe_by_tag(self, region: str, desk_id: str | None = None) -> list[ObservedInstance]:
        """All instances of this stage in a region, or those of one record, terminated ones included.

        By tag, never by ids: one unknown id fails a whole describe.
        """
        filters: list[FilterTypeDef] = [{"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]}]
        filters.append(
            {"Name": f"tag:{ID_TAG}", "Values": [desk_id]} if desk_id else {"Name": "tag-key", "Values": [ID_TAG]}
        )
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_instances")
                .paginate(Filters=filters, PaginationConfig={"PageSize": PAGE})
            )
            return [
                _view(region, found)
                for page in pages
                for reservation in page["Reservations"]
                for found in reservation.get("Instances", ())
            ]

    def get_state(self, region: str, instance_id: str) -> Ec2State | None:
        """What EC2 says of an id, whatever its tags; None where it does not know it.

        By filter: an unknown id in InstanceIds is an error, in a filter it is an empty answer.
        """
        with translate_errors():
            pages = self._clients.ec2(region).describe_instances(
                Filters=[{"Name": "instance-id", "Values": [instance_id]}]
            )["Reservations"]
        states = [found["State"]["Name"] for page in pages for found in page.get("Instances", ())]
        return Ec2State(states[0]) if states else None

    def scheduled_events(self, region: str) -> dict[str, ScheduledEvent]:
        """The next event that AWS has scheduled for each instance of the region and that has not happened yet.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
        """
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_instance_status")
                .paginate(Filters=[{"Name": "event.code", "Values": list(EVENT_CODES)}], IncludeAllInstances=True)
            )
            found = [status for page in pages for status in page["InstanceStatuses"]]
        events = {status["InstanceId"]: [_event(each) for each in status.get("Events", ())] for status in found}
        return {
            instance_id: min(ahead, key=lambda event: event.not_before)
            for instance_id, each in events.items()
            if (ahead := [event for event in each if not event.description.startswith(ENDED_EVENT_PREFIXES)])
        }

    def launch(self, attempt: LaunchAttempt) -> Machine:
        """RunInstances exactly as the attempt says; the same token gives the same instance.

        On-demand, gp3 and encrypted, IMDSv2 only, no key pair, and a shutdown from inside is a stop.
        """
        tags = [{"Key": key, "Value": value} for key, value in sorted(attempt.tags.items())]
        specifications: list[TagSpecificationTypeDef] = [{"ResourceType": kind, "Tags": tags} for kind in TAGGED]  # type: ignore[typeddict-item]
        with translate_errors():
            answer = self._clients.ec2(attempt.region).run_instances(
                ClientToken=attempt.token,
                MinCount=1,
                MaxCount=1,
                ImageId=attempt.image_id,
                InstanceType=attempt.instance_type,  # type: ignore[arg-type]
                IamInstanceProfile={"Name": attempt.instance_profile},
                InstanceInitiatedShutdownBehavior="stop",
                MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 2},
                BlockDeviceMappings=[
                    {
                        "DeviceName": attempt.root_device,
                        "Ebs": {
                            "VolumeSize": attempt.disk_gib,
                            "VolumeType": "gp3",
                            "Encrypted": True,
                            "DeleteOnTermination": True,
                        },
                    }
                ],
                NetworkInterfaces=[
                    {
                        "DeviceIndex": 0,
                        "SubnetId": attempt.subnet_id,
                        "Groups": [attempt.security_group_id],
                        "AssociatePublicIpAddress": attempt.public_address,
                        "DeleteOnTermination": True,
                    }
                ],
                TagSpecifications=specifications,
            )
        instances = answer.get("Instances", [])
        if not instances:
            raise TransientAwsError("EmptyAnswer", "RunInstances answered without an instance")
        return _machine(_view(attempt.region, instances[0]))

    def start(self, region: str, instance_id: str) -> None:
        with translate_errors():
            self._clients.ec2(region).start_instances(InstanceIds=[instance_id])

    def stop(self, region: str, instance_id: str, *, force: bool) -> None:
        with translate_errors():
            self._clients.ec2(region).stop_instances(InstanceIds=[instance_id], Force=force)

    def terminate(self, region: str, instance_id: str) -> None:
        with translate_errors():
            self._clients.ec2(region).terminate_instances(InstanceIds=[instance_id])

    def describe_image(self, region: str, image_id: str) -> AmiDetails:
        """Root device (a wrong name adds a second disk) and snapshot size (a smaller disk is refused)."""
        with translate_errors():
            images = self._clients.ec2(region).describe_images(ImageIds=[image_id])["Images"]
        if not images:
            raise PermanentAwsError("NoSuchImage", f"{image_id} does not exist in {region}")
        root = images[0]["RootDeviceName"]
        sizes = [
            mapping["Ebs"].get("VolumeSize", 0)
            for mapping in images[0].get("BlockDeviceMappings", ())
            if mapping.get("DeviceName") == root and "Ebs" in mapping
        ]
        return AmiDetails(root, max(sizes, default=0))

    def subnets(self, region: str, instance_type: str) -> list[Subnet]:
        """Where the type is offered: the subnets tagged for this stage, or else the default VPC's."""
        with translate_errors():
            client = self._clients.ec2(region)
            offered = {
                offering["Location"]
                for page in client.get_paginator("describe_instance_type_offerings").paginate(
                    LocationType="availability-zone",
                    Filters=[{"Name": "instance-type", "Values": [instance_type]}],
                )
                for offering in page["InstanceTypeOfferings"]
            }
            subnets = [
                found for page in client.get_paginator("describe_subnets").paginate() for found in page["Subnets"]
            ]
        ours = [s for s in subnets if {"Key": STAGE_TAG, "Value": self._stage} in s.get("Tags", [])]
        usable = ours or [s for s in subnets if s.get("DefaultForAz")]
        return sorted(
            (
                Subnet(s["SubnetId"], s["AvailabilityZone"], s["VpcId"])
                for s in usable
                if s["AvailabilityZone"] in offered
            ),
            key=lambda subnet: (subnet.zone, subnet.subnet_id),
        )

    def security_group(self, region: str, vpc_id: str, name: str) -> str:
        """The id of the group without ingress that the deployment made."""
        with translate_errors():
            groups = self._clients.ec2(region).describe_security_groups(
                Filters=[{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": [name]}]
            )["SecurityGroups"]
        if not groups:
            raise PermanentAwsError(
                "NoSecurityGroup", f"{vpc_id} in {region} has no security group {name}; deploy the desk there"
            )
        return groups[0]["GroupId"]


def tags_for(*, desk_id: str, name: str, owner: str, stage: str, more: Mapping[str, str]) -> dict[str, str]:
    """What an instance, its volumes and its network interface carry; nobody's own tag replaces ours."""
    return {**more, "Name": name, ID_TAG: desk_id, OWNER_TAG: owner, STAGE_TAG: stage}


def _event(raw: "InstanceStatusEventTypeDef") -> ScheduledEvent:
    return ScheduledEvent(
        id=raw.get("InstanceEventId", ""),
        code=raw.get("Code", ""),
        not_before=raw["NotBefore"].astimezone(UTC),
        description=raw.get("Description", ""),
    )


def _view(region: str, found: "InstanceTypeDef") -> ObservedInstance:
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", ())}
    return ObservedInstance(
        instance_id=found["InstanceId"],
        desk_id=tags.get(ID_TAG, ""),
        name=tags.get("Name", ""),
        owner=tags.get(OWNER_TAG, ""),
        region=region,
        zone=found["Placement"].get("AvailabilityZone", ""),
        instance_type=found["InstanceType"],
        state=Ec2State(found["State"]["Name"]),
        launched_at=found["LaunchTime"],
    )


def _machine(view: ObservedInstance) -> Machine:
    return Machine(
        instance_id=view.instance_id,
        zone=view.zone,
        state=view.state,
        launched_at=view.launched_at,
    )


def select_for_record(
    views: Iterator[ObservedInstance] | list[ObservedInstance], instance_id: str | None
) -> ObservedInstance | None:
    """The view that a record is about: its own machine, or, while it knows none, the first that is not at its end."""
    views = list(views)
    if instance_id:
        return next((view for view in views if view.instance_id == instance_id), None)
    alive = [view for view in views if view.state not in (Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN)]
    return min(alive or views, key=lambda view: view.launched_at, default=None)

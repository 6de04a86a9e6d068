"""EC2: observe the instances with gpudesk tags, and launch, start, stop and terminate them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.run_instances import build_run_instances_request
from chalicelib.aws.state_reasons import read_state_reason
from chalicelib.aws.tags import ADOPT_TAG, ID_TAG, OWNER_TAG, STAGE_TAG
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import TransientAwsError
from chalicelib.domain.common.untrusted_text import clean_line, strip_to_line
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, ScheduledEvent
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.observation import ObservedInstance

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        InstanceStatusEventTypeDef,
        InstanceTypeDef,
    )

PAGE_SIZE = 1000
EVENT_CODES = ("instance-retirement", "instance-stop", "instance-reboot", "system-reboot", "system-maintenance")
ENDED_EVENT_PREFIXES = ("[Completed]", "[Canceled]")
"""The description of a scheduled event that is over begins with one of these."""


class Ec2:
    """The instances of one stage. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Use only instances with this stage tag.

        :param stage: the value of the tag
        """
        self._clients = clients
        self._stage = stage

    def list_instances(self, region: str, record_id: str | None = None) -> list[ObservedInstance]:
        """Return all instances of this stage in a region, terminated ones included.

        Instances are selected by tag, not by id, because one unknown id fails the whole call.

        :param record_id: only the instances of this record; None: those of all records
        """
        filters: list[FilterTypeDef] = [{"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]}]
        filters.append(
            {"Name": f"tag:{ID_TAG}", "Values": [record_id]} if record_id else {"Name": "tag-key", "Values": [ID_TAG]}
        )
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_instances")
                .paginate(Filters=filters, PaginationConfig={"PageSize": PAGE_SIZE})
            )
            return [
                _to_observed(region, instance)
                for page in pages
                for reservation in page["Reservations"]
                for instance in reservation.get("Instances", ())
            ]

    def get_state(self, region: str, instance_id: str) -> Ec2State | None:
        """Return the state of an instance with or without gpudesk tags; None if EC2 does not know its id.

        The id is passed as a filter: EC2 rejects an unknown id in InstanceIds, but not in a filter.
        """
        with translate_errors():
            reservations = self._clients.ec2(region).describe_instances(
                Filters=[{"Name": "instance-id", "Values": [instance_id]}]
            )["Reservations"]
        states = [instance["State"]["Name"] for found in reservations for instance in found.get("Instances", ())]
        return Ec2State(states[0]) if states else None

    def get_launched_at(self, region: str, instance_id: str) -> datetime | None:
        """Return the last start of an instance with or without gpudesk tags; None if EC2 does not know its id."""
        with translate_errors():
            reservations = self._clients.ec2(region).describe_instances(
                Filters=[{"Name": "instance-id", "Values": [instance_id]}]
            )["Reservations"]
        times = [instance["LaunchTime"] for found in reservations for instance in found.get("Instances", ())]
        return times[0].astimezone(UTC) if times else None

    def list_scheduled_events(self, region: str) -> dict[str, ScheduledEvent]:
        """Return the next scheduled event of each instance of a region, by EC2 id, without events that are over.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
        """
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_instance_status")
                .paginate(Filters=[{"Name": "event.code", "Values": list(EVENT_CODES)}], IncludeAllInstances=True)
            )
            statuses = [status for page in pages for status in page["InstanceStatuses"]]
        next_events = {}
        for status in statuses:
            events = [_to_event(raw) for raw in status.get("Events", ())]
            ahead = [event for event in events if not event.description.startswith(ENDED_EVENT_PREFIXES)]
            if ahead:
                next_events[status["InstanceId"]] = min(ahead, key=lambda event: event.not_before)
        return next_events

    def launch(self, attempt: LaunchAttempt) -> Ec2Instance:
        """Send the request of the attempt. A repeated call with the same token returns the same instance."""
        with translate_errors():
            response = self._clients.ec2(attempt.region).run_instances(**build_run_instances_request(attempt))
        instances = response.get("Instances", [])
        if not instances:
            raise TransientAwsError("EmptyResponse", "EC2 returned no instance for RunInstances")
        return _to_observed(attempt.region, instances[0]).to_ec2_instance()

    def start(self, region: str, instance_id: str) -> None:
        """Start a stopped instance."""
        with translate_errors():
            self._clients.ec2(region).start_instances(InstanceIds=[instance_id])

    def change_type(self, region: str, instance_id: str, instance_type: str) -> None:
        """Change the type of a stopped instance. A type that it already has is accepted, too.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html
        """
        with translate_errors():
            self._clients.ec2(region).modify_instance_attribute(
                InstanceId=instance_id, InstanceType={"Value": instance_type}
            )

    def stop(self, region: str, instance_id: str, *, force: bool) -> None:
        """Stop an instance.

        :param force: stop it without a shutdown of its operating system
        """
        with translate_errors():
            self._clients.ec2(region).stop_instances(InstanceIds=[instance_id], Force=force)

    def terminate(self, region: str, instance_id: str) -> None:
        """Terminate an instance, which deletes its root disk."""
        with translate_errors():
            self._clients.ec2(region).terminate_instances(InstanceIds=[instance_id])


def _to_event(raw: "InstanceStatusEventTypeDef") -> ScheduledEvent:
    return ScheduledEvent(
        id=raw.get("InstanceEventId", ""),
        code=raw.get("Code", ""),
        not_before=raw["NotBefore"].astimezone(UTC),
        description=clean_line(raw.get("Description", "")),
    )


def _to_observed(region: str, instance: "InstanceTypeDef") -> ObservedInstance:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
    return ObservedInstance(
        instance_id=instance["InstanceId"],
        tag_id=tags.get(ID_TAG, ""),
        name=strip_to_line(tags.get("Name", "")),
        owner=strip_to_line(tags.get(OWNER_TAG, "")),
        region=region,
        zone=instance["Placement"].get("AvailabilityZone", ""),
        instance_type=instance["InstanceType"],
        state=Ec2State(instance["State"]["Name"]),
        launched_at=instance["LaunchTime"],
        state_reason=read_state_reason(instance),
        image_arch=instance.get("Architecture"),
        market=Market.SPOT if instance.get("InstanceLifecycle") == "spot" else Market.ON_DEMAND,
        spot_instance_request_id=instance.get("SpotInstanceRequestId") or None,
        has_adopt_tag=ADOPT_TAG in tags,
        has_profile="IamInstanceProfile" in instance,
    )

"""Read an EC2 instance that is to be adopted, and give it gpudesk's tags.

The role of this function may tag only what has the tag `gpudesk:adopt` with the stage, and no id of gpudesk yet.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.foreign_instances import MARKETS, read_operator, read_tags
from chalicelib.aws.tags import ADOPT_TAG, ID_TAG, OWNER_TAG, STAGE_TAG, build_permission_tag
from chalicelib.domain.foreign.adoption import Adoption, Candidate
from chalicelib.domain.instances.ec2_instance import Ec2State

if TYPE_CHECKING:
    from mypy_boto3_ec2.literals import InstanceAttributeNameType
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceAttributeTypeDef, TagTypeDef

EBS = "ebs"


class AdoptionCalls:
    """The calls of an adoption. Each method raises AwsError if EC2 rejects a call or does not respond."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Use these clients."""
        self._clients = clients
        self._stage = stage

    @property
    def permission_tag(self) -> tuple[str, str]:
        """The key and the value of the tag by which an admin of the account allows an adoption."""
        return build_permission_tag(self._stage)

    def find(self, region: str, instance_id: str) -> Candidate | None:
        """Return what EC2 shows of an instance; None: EC2 does not know its id.

        The id is a filter, because EC2 rejects an unknown id in InstanceIds, but not in a filter.
        """
        with translate_errors():
            reservations = self._clients.ec2(region).describe_instances(
                Filters=[{"Name": "instance-id", "Values": [instance_id]}]
            )["Reservations"]
        found = [instance for reservation in reservations for instance in reservation.get("Instances", ())]
        if not found:
            return None
        instance = found[0]
        return Candidate(
            state=Ec2State(instance["State"]["Name"]),
            tags=read_tags(instance),
            operator=read_operator(instance),
            market=MARKETS.get(instance.get("InstanceLifecycle")),
            has_ebs_root=instance.get("RootDeviceType", EBS) == EBS,
            has_profile="IamInstanceProfile" in instance,
        )

    def add_attributes(self, region: str, instance_id: str, candidate: Candidate) -> Candidate:
        """Return the candidate with what EC2 shows one call at a time: its protection and its shutdown behavior."""
        stop = self._read_attribute(region, instance_id, "disableApiStop").get("DisableApiStop", {})
        end = self._read_attribute(region, instance_id, "disableApiTermination").get("DisableApiTermination", {})
        shutdown = self._read_attribute(region, instance_id, "instanceInitiatedShutdownBehavior")
        return replace(
            candidate,
            is_stop_protected=stop.get("Value", False),
            is_termination_protected=end.get("Value", False),
            ends_at_shutdown=shutdown.get("InstanceInitiatedShutdownBehavior", {}).get("Value") == "terminate",
        )

    def tag_attached(self, adoption: Adoption) -> tuple[str, ...]:
        """Give gpudesk's tags to the volumes and network interfaces of an instance that have the adopt tag.

        :returns: the ids of those that do not have it
        """
        client, untagged = self._clients.ec2(adoption.region), []
        attached: FilterTypeDef = {"Name": "attachment.instance-id", "Values": [adoption.instance_id]}
        with translate_errors():
            volumes = client.describe_volumes(Filters=[attached])["Volumes"]
            interfaces = client.describe_network_interfaces(Filters=[attached])["NetworkInterfaces"]
            tags = [(each["VolumeId"], each.get("Tags", [])) for each in volumes]
            tags += [(each["NetworkInterfaceId"], each.get("TagSet", [])) for each in interfaces]
        for resource_id, found in tags:
            known = {tag["Key"]: tag["Value"] for tag in found}
            if known.get(ADOPT_TAG) != self._stage:
                untagged.append(resource_id)
            elif ID_TAG not in known:
                self._tag(adoption, resource_id)
        return tuple(sorted(untagged))

    def tag_instance(self, adoption: Adoption) -> None:
        """Give gpudesk's tags to the instance. The next sweep finds it by them."""
        self._tag(adoption, adoption.instance_id)

    def _tag(self, adoption: Adoption, resource_id: str) -> None:
        tags: list[TagTypeDef] = [
            {"Key": ID_TAG, "Value": adoption.record_id},
            {"Key": OWNER_TAG, "Value": adoption.owner},
            {"Key": STAGE_TAG, "Value": self._stage},
        ]
        with translate_errors():
            self._clients.ec2(adoption.region).create_tags(Resources=[resource_id], Tags=tags)

    def _read_attribute(
        self, region: str, instance_id: str, attribute: "InstanceAttributeNameType"
    ) -> "InstanceAttributeTypeDef":
        with translate_errors():
            return self._clients.ec2(region).describe_instance_attribute(InstanceId=instance_id, Attribute=attribute)

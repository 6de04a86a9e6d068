"""The EBS volumes of an EC2 instance."""

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.instances.ec2_instance import AttachedDisks

PRICED_VOLUME = "gp3"
"""The type of the volumes that gpudesk creates, and the only one whose price it knows."""


class Volumes:
    """Reads volumes. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients) -> None:
        """Use these clients."""
        self._clients = clients

    def measure_disks(self, region: str, instance_id: str) -> AttachedDisks:
        """Return the volumes that are attached to an EC2 instance, whoever created them."""
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_volumes")
                .paginate(Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}])
            )
            volumes = [volume for page in pages for volume in page["Volumes"]]
        return AttachedDisks(
            size_gib=sum(volume["Size"] for volume in volumes),
            are_priced=all(volume["VolumeType"] == PRICED_VOLUME for volume in volumes),
        )

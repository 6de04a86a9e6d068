"""The EBS volumes of an EC2 instance."""

from typing import NamedTuple

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors

PRICED_VOLUME = "gp3"
"""The type of the volumes that gpudesk creates, and the only one whose price it knows."""


class AttachedDisks(NamedTuple):
    """The volumes that are attached to an EC2 instance.

    :param size_gib: their total size
    :param are_priced: all of them are of the type whose price is known
    """

    size_gib: int
    are_priced: bool


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

"""The EBS volumes of an EC2 instance."""

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors


class Volumes:
    """Reads volumes. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients) -> None:
        """Use these clients."""
        self._clients = clients

    def measure_disks(self, region: str, instance_id: str) -> int:
        """Return the total size in GiB of the volumes that are attached to an EC2 instance."""
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_volumes")
                .paginate(Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}])
            )
            return sum(volume["Size"] for page in pages for volume in page["Volumes"])

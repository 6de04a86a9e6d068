"""Temporary images of moves. They contain the secrets of the instance, so they are private and are deleted afterwards.

CreateImage and CopyImage give launch permission to this account only, and nothing here changes that.
"""

from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tags import MOVE_TAG, STAGE_TAG
from chalicelib.domain.common.aws_errors import AwsNotFound
from chalicelib.domain.instances.observation import NotVisible, ObservedMoveImage

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, TagSpecificationTypeDef


class MoveImages:
    """The images of the moves of one stage. Each method raises AwsError if EC2 rejects the call or does not respond."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Use only images with this stage tag.

        :param stage: the value of the tag
        """
        self._clients = clients
        self._stage = stage

    def create(self, region: str, instance_id: str, move_id: str) -> None:
        """Create an image of a stopped instance.

        CreateImage has no client token. The name contains the id of the move, so EC2 rejects a second image of it.
        """
        with translate_errors():
            self._clients.ec2(region).create_image(
                InstanceId=instance_id,
                Name=self._build_name(move_id),
                Description="Temporary copy of a disk that gpudesk moves. It contains secrets.",
                NoReboot=True,
                TagSpecifications=self._build_tags(move_id),
            )

    def copy(self, source_region: str, image_id: str, region: str, move_id: str) -> None:
        """Copy an image to another region, encrypted with the default key of that region.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
        """
        with translate_errors():
            self._clients.ec2(region).copy_image(
                ClientToken=move_id,
                SourceRegion=source_region,
                SourceImageId=image_id,
                Name=self._build_name(move_id),
                Description="Temporary copy of a disk that gpudesk moves. It contains secrets.",
                Encrypted=True,
                TagSpecifications=self._build_tags(move_id),
            )

    def find(self, region: str, move_id: str) -> ObservedMoveImage | NotVisible:
        """Return the image of a move in a region. It may exist although the response to its creation was lost."""
        with translate_errors():
            images = self._clients.ec2(region).describe_images(Owners=["self"], Filters=self._build_filters(move_id))
        for image in images["Images"]:
            cause = image.get("StateReason", {}).get("Message", "")
            return ObservedMoveImage(ami_id=image["ImageId"], state=image["State"], failure_reason=cause)
        return NotVisible()

    def count(self, region: str, move_id: str) -> int:
        """Return how many images and snapshots of a move are in a region."""
        return len(self._list_images(region, move_id)) + len(self._list_snapshots(region, move_id))

    def delete(self, region: str, move_id: str) -> None:
        """Delete the images of a move in a region, and their snapshots. EC2 rejects a snapshot that an image uses."""
        client = self._clients.ec2(region)
        for image_id in self._list_images(region, move_id):
            with translate_errors():
                client.deregister_image(ImageId=image_id)
        for snapshot_id in self._list_snapshots(region, move_id):
            try:
                with translate_errors():
                    client.delete_snapshot(SnapshotId=snapshot_id)
            except AwsNotFound:
                continue

    def _list_images(self, region: str, move_id: str) -> list[str]:
        with translate_errors():
            found = self._clients.ec2(region).describe_images(Owners=["self"], Filters=self._build_filters(move_id))
        return [image["ImageId"] for image in found["Images"]]

    def _list_snapshots(self, region: str, move_id: str) -> list[str]:
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_snapshots")
                .paginate(OwnerIds=["self"], Filters=self._build_filters(move_id))
            )
            return [found["SnapshotId"] for page in pages for found in page["Snapshots"]]

    def _build_name(self, move_id: str) -> str:
        return f"gpudesk-{self._stage}-{move_id}"

    def _build_filters(self, move_id: str) -> "list[FilterTypeDef]":
        return [
            {"Name": f"tag:{MOVE_TAG}", "Values": [move_id]},
            {"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]},
        ]

    def _build_tags(self, move_id: str) -> "list[TagSpecificationTypeDef]":
        tags = [{"Key": MOVE_TAG, "Value": move_id}, {"Key": STAGE_TAG, "Value": self._stage}]
        return [
            {"ResourceType": kind, "Tags": tags}  # type: ignore[typeddict-item]
            for kind in ("image", "snapshot")
        ]

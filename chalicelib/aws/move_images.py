"""Temporary images of moves. They contain the secrets of the instance, so a move deletes them at its end."""

from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tagged_images import TaggedImages
from chalicelib.aws.tags import MOVE_TAG
from chalicelib.domain.instances.observation import NotVisible, ObservedMoveImage

DESCRIPTION = "Temporary copy of a disk that gpudesk moves. It contains secrets."


class MoveImages(TaggedImages):
    """The images of the moves of one stage. Each method raises AwsError if EC2 rejects the call or does not respond."""

    TAG = MOVE_TAG

    def create(self, region: str, instance_id: str, move_id: str) -> None:
        """Create an image of a stopped instance.

        CreateImage has no client token. The name contains the id of the move, so EC2 rejects a second image of it.
        """
        with translate_errors():
            self._clients.ec2(region).create_image(
                InstanceId=instance_id,
                Name=self._build_name(move_id),
                Description=DESCRIPTION,
                NoReboot=True,
                TagSpecifications=self._build_tag_specifications(move_id),
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
                Description=DESCRIPTION,
                Encrypted=True,
                TagSpecifications=self._build_tag_specifications(move_id),
            )

    def find(self, region: str, move_id: str) -> ObservedMoveImage | NotVisible:
        """Return the image of a move in a region. It may exist although the response to its creation was lost."""
        for image in self._list_images(region, move_id):
            cause = image.get("StateReason", {}).get("Message", "")
            return ObservedMoveImage(ami_id=image["ImageId"], state=image["State"], failure_reason=cause)
        return NotVisible()

    def count(self, region: str, move_id: str) -> int:
        """Return how many images and snapshots of a move are in a region."""
        return len(self._list_images(region, move_id)) + len(self._list_snapshots(region, move_id))

    def delete(self, region: str, move_id: str) -> None:
        """Delete the images of a move in a region, and their snapshots."""
        for image in self._list_images(region, move_id):
            self.deregister(region, image["ImageId"])
        self.delete_snapshots(region, [each["SnapshotId"] for each in self._list_snapshots(region, move_id)])

    def _build_name(self, move_id: str) -> str:
        return f"gpudesk-{self._stage}-{move_id}"

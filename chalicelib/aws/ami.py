"""AMIs of the images that people request."""

import re
from typing import TYPE_CHECKING

from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tagged_images import TaggedImages
from chalicelib.aws.tags import IMAGE_TAG, OWNER_TAG, STAGE_TAG
from chalicelib.domain.images.plan import ObservedAmi
from chalicelib.domain.images.record import MAX_DESCRIPTION_LENGTH, Image, build_ami_name
from chalicelib.domain.instances.observation import NotVisible

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

PROGRESS = re.compile(r"(\d+)%?")


class Amis(TaggedImages):
    """The AMIs of one stage. Each method raises AwsError if EC2 rejects the call or does not respond."""

    TAG = IMAGE_TAG

    def create(self, image: Image) -> str:
        """Create an AMI.

        CreateImage has no client token. Instead, the AMI's name contains the id of the record, and EC2 rejects a
        second AMI with the same name.

        :returns: the AMI's id
        """
        with translate_errors():
            return self._clients.ec2(image.region).create_image(
                InstanceId=image.source.ec2_instance_id,
                Name=build_ami_name(self._stage, image.id),
                Description=image.description[:MAX_DESCRIPTION_LENGTH],
                NoReboot=image.no_reboot,
                TagSpecifications=self._build_tag_specifications(
                    image.id, {"Name": image.name, OWNER_TAG: image.owner}
                ),
            )["ImageId"]

    def find(self, image: Image) -> ObservedAmi | NotVisible:
        """Return the AMI of the image, found by its name. It may exist although CreateImage's response was lost."""
        with translate_errors():
            found = self._clients.ec2(image.region).describe_images(
                Owners=["self"],
                Filters=[
                    {"Name": "name", "Values": [build_ami_name(self._stage, image.id)]},
                    {"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]},
                ],
            )["Images"]
        return self._to_observed(image, found[0]) if found else NotVisible()

    def list_snapshots(self, image: Image) -> tuple[str, ...]:
        """Return the ids of all snapshots with the tag of the image, even if their AMI is gone."""
        return tuple(sorted(snapshot["SnapshotId"] for snapshot in self._list_snapshots(image.region, image.id)))

    def _to_observed(self, image: Image, found: "ImageTypeDef") -> ObservedAmi:
        disks = [mapping["Ebs"] for mapping in found.get("BlockDeviceMappings", ()) if "Ebs" in mapping]
        state = str(found["State"])
        progress = self._read_progress(image) if state == "pending" else [100]
        return ObservedAmi(
            ami_id=found["ImageId"],
            state=state,
            snapshots=tuple(disk["SnapshotId"] for disk in disks if "SnapshotId" in disk),
            size_gib=sum(disk.get("VolumeSize", 0) for disk in disks),
            failure_reason=found.get("StateReason", {}).get("Message", ""),
            progress=min(progress, default=0),
            has_snapshot=len(progress) >= max(1, len(disks)) or state != "pending",
        )

    def _read_progress(self, image: Image) -> list[int]:
        """Return how much of each snapshot of the image is copied, in percent."""
        snapshots = self._list_snapshots(image.region, image.id)
        matches = [PROGRESS.match(snapshot.get("Progress", "")) for snapshot in snapshots]
        return [int(match[1]) if match else 0 for match in matches]

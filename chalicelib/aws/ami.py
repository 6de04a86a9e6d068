"""AMIs of the desk's own: made, looked at, taken away. Raises the kinds of CloudError.

They are never shared: CreateImage gives launch permission to nobody else, and nothing here changes that.
"""

import re
from typing import TYPE_CHECKING

from chalicelib.aws.clients import Clients
from chalicelib.aws.ec2 import IMAGE_TAG, OWNER_TAG, STAGE_TAG
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.common.errors import AwsNotFound
from chalicelib.domain.images.plan import ObservedAmi
from chalicelib.domain.images.record import MAX_DESCRIPTION_LENGTH, Image, build_ami_name
from chalicelib.domain.instances.observation import NotVisible

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef, TagSpecificationTypeDef

DONE = re.compile(r"(\d+)%?")


class Amis:
    """One stage's images."""

    def __init__(self, clients: Clients, stage: str) -> None:
        self._clients = clients
        self._stage = stage

    def create(self, image: Image) -> str:
        """CreateImage has no token; the name, which is the record's alone, is what AWS refuses to make twice.

        :returns: the AMI's id
        """
        tags = [
            {"Key": key, "Value": value}
            for key, value in {
                "Name": image.name,
                IMAGE_TAG: image.id,
                OWNER_TAG: image.owner,
                STAGE_TAG: self._stage,
            }.items()
        ]
        specifications: list[TagSpecificationTypeDef] = [
            {"ResourceType": kind, "Tags": tags}  # type: ignore[typeddict-item]
            for kind in ("image", "snapshot")
        ]
        with translate_errors():
            return self._clients.ec2(image.region).create_image(
                InstanceId=image.source.ec2_instance_id,
                Name=build_ami_name(self._stage, image.id),
                Description=image.description[:MAX_DESCRIPTION_LENGTH],
                NoReboot=image.no_reboot,
                TagSpecifications=specifications,
            )["ImageId"]

    def find(self, image: Image) -> ObservedAmi | NotVisible:
        """What EC2 shows under the record's name, whoever asked for it and whether or not the answer arrived."""
        with translate_errors():
            found = self._clients.ec2(image.region).describe_images(
                Owners=["self"],
                Filters=[
                    {"Name": "name", "Values": [build_ami_name(self._stage, image.id)]},
                    {"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]},
                ],
            )["Images"]
        return self._view(image, found[0]) if found else NotVisible()

    def snapshots(self, image: Image) -> tuple[str, ...]:
        """All that carry its tag, whether or not there is still an AMI of them."""
        with translate_errors():
            pages = (
                self._clients.ec2(image.region).get_paginator("describe_snapshots").paginate(Filters=self._own(image))
            )
            return tuple(sorted(found["SnapshotId"] for page in pages for found in page["Snapshots"]))

    def deregister(self, region: str, ami_id: str) -> None:
        with translate_errors():
            self._clients.ec2(region).deregister_image(ImageId=ami_id)

    def delete_snapshots(self, region: str, snapshots: tuple[str, ...]) -> None:
        """Each of them; one that is gone already is no matter."""
        for snapshot in snapshots:
            try:
                with translate_errors():
                    self._clients.ec2(region).delete_snapshot(SnapshotId=snapshot)
            except AwsNotFound:
                continue

    def _view(self, image: Image, found: "ImageTypeDef") -> ObservedAmi:
        disks = [mapping["Ebs"] for mapping in found.get("BlockDeviceMappings", ()) if "Ebs" in mapping]
        state = str(found["State"])
        shares = self._shares(image) if state == "pending" else [100]
        return ObservedAmi(
            ami_id=found["ImageId"],
            state=state,
            snapshots=tuple(disk["SnapshotId"] for disk in disks if "SnapshotId" in disk),
            size_gib=sum(disk.get("VolumeSize", 0) for disk in disks),
            failure_reason=found.get("StateReason", {}).get("Message", ""),
            progress=min(shares, default=0),
            has_snapshot=len(shares) >= max(1, len(disks)) or state != "pending",
        )

    def _shares(self, image: Image) -> list[int]:
        """How much of each of its snapshots is copied, in percent."""
        with translate_errors():
            found = self._clients.ec2(image.region).describe_snapshots(Filters=self._own(image))["Snapshots"]
        shares = [DONE.match(each.get("Progress", "")) for each in found]
        return [int(share[1]) if share else 0 for share in shares]

    def _own(self, image: Image) -> "list[FilterTypeDef]":
        return [
            {"Name": f"tag:{IMAGE_TAG}", "Values": [image.id]},
            {"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]},
        ]

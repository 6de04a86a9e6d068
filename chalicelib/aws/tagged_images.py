"""AMIs and snapshots that gpudesk has created and tagged: find them by their tag, and delete them.

They are never shared: CreateImage and CopyImage give launch permission to this account only, and nothing here changes
that.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.aws.tags import STAGE_TAG
from chalicelib.domain.common.aws_errors import AwsNotFound

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef, SnapshotTypeDef, TagSpecificationTypeDef


class TaggedImages:
    """The AMIs and snapshots of one stage with one tag, whose value is the id of what they belong to.

    Each method raises AwsError if EC2 rejects the call or does not respond.
    """

    TAG: ClassVar[str]
    """The key of the tag."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Use only AMIs and snapshots with this stage tag.

        :param stage: the value of the tag
        """
        self._clients = clients
        self._stage = stage

    def deregister(self, region: str, ami_id: str) -> None:
        """Deregister an AMI. Its snapshots stay."""
        with translate_errors():
            self._clients.ec2(region).deregister_image(ImageId=ami_id)

    def delete_snapshots(self, region: str, snapshot_ids: Iterable[str]) -> None:
        """Delete snapshots. Those that do not exist any more are skipped. EC2 rejects one that an AMI uses."""
        for snapshot_id in snapshot_ids:
            try:
                with translate_errors():
                    self._clients.ec2(region).delete_snapshot(SnapshotId=snapshot_id)
            except AwsNotFound:
                continue

    def _list_images(self, region: str, tag_value: str) -> "list[ImageTypeDef]":
        filters = self._build_filters(tag_value)
        with translate_errors():
            return self._clients.ec2(region).describe_images(Owners=["self"], Filters=filters)["Images"]

    def _list_snapshots(self, region: str, tag_value: str) -> "list[SnapshotTypeDef]":
        """Return the snapshots with the tag, even if their AMI is gone."""
        filters = self._build_filters(tag_value)
        with translate_errors():
            pages = (
                self._clients.ec2(region)
                .get_paginator("describe_snapshots")
                .paginate(OwnerIds=["self"], Filters=filters)
            )
            return [snapshot for page in pages for snapshot in page["Snapshots"]]

    def _build_filters(self, tag_value: str) -> "list[FilterTypeDef]":
        return [
            {"Name": f"tag:{self.TAG}", "Values": [tag_value]},
            {"Name": f"tag:{STAGE_TAG}", "Values": [self._stage]},
        ]

    def _build_tag_specifications(
        self, tag_value: str, more: Mapping[str, str] | None = None
    ) -> "list[TagSpecificationTypeDef]":
        """Return the tags of an AMI and of its snapshots.

        :param more: further tags
        """
        values = {**(more or {}), self.TAG: tag_value, STAGE_TAG: self._stage}
        tags = [{"Key": key, "Value": value} for key, value in values.items()]
        return [
            {"ResourceType": kind, "Tags": tags}  # type: ignore[typeddict-item]
            for kind in ("image", "snapshot")
        ]

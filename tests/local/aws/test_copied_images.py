"""CopyImage: a copy is pending for a while, encrypted, tagged and created once for a client token."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock

TAGS = [{"Key": "gpudesk:move", "Value": "move-1"}]


def test_copy_is_pending_then_available_with_encrypted_tagged_snapshots(
    cloud: LocalCloud, ec2: Any, launch: Callable[..., str], clock: ManualClock
) -> None:
    instance_id = launch()
    clock.advance(timedelta(minutes=5))
    source = ec2.create_image(InstanceId=instance_id, Name="source")["ImageId"]
    there = boto3.client("ec2", "us-west-2")
    request: Any = {
        "SourceRegion": "us-east-1",
        "SourceImageId": source,
        "Name": "copy",
        "ClientToken": "once",
        "Encrypted": True,
        "TagSpecifications": [{"ResourceType": kind, "Tags": TAGS} for kind in ("image", "snapshot")],
    }
    with pytest.raises(ClientError, match="is pending"):
        there.copy_image(**request)
    clock.advance(timedelta(minutes=5))
    cloud.tick()
    copy = there.copy_image(**request)["ImageId"]
    assert there.copy_image(**request)["ImageId"] == copy
    with pytest.raises(ClientError, match="already in use"):
        there.copy_image(**{**request, "ClientToken": "again"})
    (image,) = there.describe_images(ImageIds=[copy])["Images"]
    assert (image["State"], image["Tags"]) == ("pending", TAGS)
    clock.advance(timedelta(minutes=5))
    cloud.tick()
    (image,) = there.describe_images(ImageIds=[copy])["Images"]
    ebs = image["BlockDeviceMappings"][0]["Ebs"]
    assert (image["State"], ebs["Encrypted"]) == ("available", True)
    (snapshot,) = there.describe_snapshots(SnapshotIds=[ebs["SnapshotId"]])["Snapshots"]
    assert (snapshot["Encrypted"], snapshot["Tags"], snapshot["State"]) == (True, TAGS, "completed")
    with pytest.raises(ClientError, match=r"InvalidAMIID\.NotFound"):
        there.copy_image(SourceRegion="us-west-2", SourceImageId=source, Name="other")

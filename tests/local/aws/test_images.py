from typing import Any

import boto3
import pytest

from local.aws.ec2.public_images import PUBLIC_IMAGES, PublicImage
from tests.local.aws.conftest import UBUNTU, get_error

DEEP_LEARNING = "/aws/service/deeplearning/ami/{}/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"


@pytest.mark.parametrize("image", PUBLIC_IMAGES, ids=lambda image: str(image.parameter))
def test_each_public_parameter_names_image(ec2: Any, ssm: Any, image: PublicImage) -> None:
    image_id = ssm.get_parameter(Name=image.parameter)["Parameter"]["Value"]
    (found,) = ec2.describe_images(ImageIds=[image_id])["Images"]
    (root,) = found["BlockDeviceMappings"]
    assert (found["Architecture"], found["RootDeviceName"]) == (image.arch, image.root_device)
    assert (root["DeviceName"], root["Ebs"]["VolumeSize"]) == (image.root_device, image.snapshot_gib)
    assert found["Public"]
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[root["Ebs"]["SnapshotId"]])["Snapshots"]
    assert snapshot["VolumeSize"] == image.snapshot_gib


def test_several_public_parameters_are_read_at_once(ssm: Any) -> None:
    names = [UBUNTU, DEEP_LEARNING.format("x86_64"), "/aws/service/no-such-parameter"]
    answer = ssm.get_parameters(Names=names)
    assert {each["Name"] for each in answer["Parameters"]} == set(names[:2])
    assert answer["InvalidParameters"] == names[2:]
    assert get_error(ssm.get_parameter, Name=names[2]) == ("ParameterNotFound", 400)


def test_image_ids_differ_by_region_and_are_stable(ssm: Any) -> None:
    here = ssm.get_parameter(Name=UBUNTU)["Parameter"]["Value"]
    there: Any = boto3.client("ssm", "eu-west-1")
    assert ssm.get_parameter(Name=UBUNTU)["Parameter"]["Value"] == here
    assert there.get_parameter(Name=UBUNTU)["Parameter"]["Value"] != here

"""All instances and regions of an account, as EC2 shows them."""

import boto3

from local.aws.core.local_cloud import LocalCloud
from tests.local.aws.conftest import build_launch_request


def test_filter_of_types_accepts_wildcards(cloud: LocalCloud) -> None:
    ec2, ssm = boto3.client("ec2", "us-east-1"), boto3.client("ssm", "us-east-1")
    for kind in ("g4dn.xlarge", "m5.large"):
        ec2.run_instances(**{**build_launch_request(ssm), "InstanceType": kind, "ClientToken": kind})

    def list_types(*patterns: str) -> list[str]:
        found = ec2.describe_instances(Filters=[{"Name": "instance-type", "Values": [*patterns]}])["Reservations"]
        return [instance["InstanceType"] for each in found for instance in each["Instances"]]

    assert list_types("g*", "p*") == ["g4dn.xlarge"]
    assert list_types("?5.large") == ["m5.large"]
    assert list_types("g4dn") == []


def test_only_enabled_regions_are_described_unless_others_are_requested(cloud: LocalCloud) -> None:
    ec2 = boto3.client("ec2", "us-east-1")
    regions = {each["RegionName"]: each["OptInStatus"] for each in ec2.describe_regions()["Regions"]}
    assert set(regions.values()) == {"opt-in-not-required"}
    assert {"us-east-1", "sa-east-1"} < regions.keys()
    assert not any(name.startswith(("cn-", "us-gov-")) for name in regions)
    (named,) = ec2.describe_regions(RegionNames=["ap-east-1"])["Regions"]
    assert named["OptInStatus"] == "not-opted-in"
    every = {each["RegionName"] for each in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert regions.keys() | {"ap-east-1"} <= every

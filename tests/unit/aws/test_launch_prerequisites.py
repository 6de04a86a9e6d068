"""Which subnets instances are launched in, read from EC2 of moto."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.launch_prerequisites import LaunchPrerequisites, NetworkSettings, Subnet, choose_subnets
from chalicelib.domain.common.aws_errors import PrerequisiteMissing
from chalicelib.region_networks import RegionNetwork

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import SubnetTypeDef

GROUP, REGION = "gpudesk-dev", "us-east-1"
PLAIN: "SubnetTypeDef" = {"SubnetId": "subnet-1"}
TAGGED: "SubnetTypeDef" = {"SubnetId": "subnet-2", "Tags": [{"Key": "gpudesk:stage", "Value": "dev"}]}
FOREIGN: "SubnetTypeDef" = {"SubnetId": "subnet-3", "Tags": [{"Key": "gpudesk:stage", "Value": "prod"}]}
DEFAULT: "SubnetTypeDef" = {"SubnetId": "subnet-4", "DefaultForAz": True}


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator["EC2Client"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("ec2", "us-east-1")


def create_vpc(ec2: "EC2Client") -> tuple[str, list[str], str]:
    """Return a new VPC, its subnets, and its security group with the name of the deployment's."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")
        for number, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(VpcId=vpc, GroupName=f"{GROUP}-{vpc}", Description="no ingress")["GroupId"]
    return vpc, [subnet["Subnet"]["SubnetId"] for subnet in subnets], group


def list_subnets(network: NetworkSettings) -> list[Subnet]:
    return LaunchPrerequisites(build_client_sets().loop, network).list_subnets(REGION, "g4dn.xlarge")


def test_subnets_are_those_of_the_vpc_in_the_settings(ec2: "EC2Client") -> None:
    """Also if the default VPC still has a group of the deployment."""
    vpc, subnets, group = create_vpc(ec2)
    ec2.create_security_group(GroupName=GROUP, Description="no ingress")
    found = list_subnets(NetworkSettings("dev", GROUP, {REGION: RegionNetwork(vpc)}))
    assert [(subnet.subnet_id, subnet.security_group_id) for subnet in found] == [(each, group) for each in subnets]


def test_listed_subnet_is_the_only_one(ec2: "EC2Client") -> None:
    vpc, (_, listed), _ = create_vpc(ec2)
    (found,) = list_subnets(NetworkSettings("dev", GROUP, {REGION: RegionNetwork(vpc, (listed,))}))
    assert (found.subnet_id, found.zone) == (listed, "us-east-1b")


def test_listed_subnet_that_does_not_exist_is_not_replaced_by_another(ec2: "EC2Client") -> None:
    vpc, _, _ = create_vpc(ec2)
    with pytest.raises(PrerequisiteMissing, match="no subnet in us-east-1: those of its settings do not exist"):
        list_subnets(NetworkSettings("dev", GROUP, {REGION: RegionNetwork(vpc, ("subnet-0a1b2c3d",))}))


def test_region_without_the_security_group_is_not_set_up(ec2: "EC2Client") -> None:
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    with pytest.raises(PrerequisiteMissing, match="not set up in us-east-1: no VPC has the security group gpudesk-dev"):
        list_subnets(NetworkSettings("dev", GROUP))


@pytest.mark.parametrize(
    ("listed", "subnets", "chosen"),
    [
        (("subnet-1",), [PLAIN, TAGGED, DEFAULT], [PLAIN]),
        (("subnet-9",), [PLAIN, TAGGED, DEFAULT], []),
        ((), [PLAIN, TAGGED, FOREIGN, DEFAULT], [TAGGED]),
        ((), [PLAIN, FOREIGN, DEFAULT], [DEFAULT]),
        ((), [PLAIN, FOREIGN], [PLAIN, FOREIGN]),
        ((), [], []),
    ],
)
def test_listed_subnets_precede_tagged_ones_and_those_precede_default_ones(
    listed: tuple[str, ...], subnets: "list[SubnetTypeDef]", chosen: "list[SubnetTypeDef]"
) -> None:
    assert choose_subnets(subnets, "dev", listed) == chosen

"""`make check-subnets` against EC2 of moto."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from deploy.settings import DeploymentSettings, RegionSettings
from deploy.stage_file import read_deployment_settings
from tools import check_subnets


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with mock_aws():
        yield


def test_subnets_without_a_way_out_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_subnets.main(["dev"]) == check_subnets.PROBLEMS_FOUND
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("us-east-1: Instances in subnet-") for line in lines)
    assert len(lines) == 6, "each subnet of the default VPC, whose route table of moto has no internet gateway"


def test_listed_subnet_with_a_nat_gateway_reaches_all() -> None:
    ec2 = boto3.client("ec2", "us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    listed, other = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"] for number in range(2)
    )
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=listed)
    nat = ec2.create_nat_gateway(SubnetId=listed)["NatGateway"]["NatGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    settings = build_settings(RegionSettings(vpc=vpc, subnets=(listed,)))
    assert check_subnets.check_region(settings, "us-east-1") == []
    (line,) = check_subnets.check_region(build_settings(RegionSettings(vpc=vpc, subnets=(other,))), "us-east-1")
    assert line.startswith(f"us-east-1: Instances in {other} do not reach ssm, ")


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        (RegionSettings(), "There is no default VPC, or it has no subnet for instances. Name a VPC in the settings."),
        (RegionSettings(vpc="vpc-1"), "vpc-1 has no subnet for instances."),
        (RegionSettings(vpc="vpc-1", subnets=("subnet-1",)), "subnet-1 is in the settings, but is no subnet of vpc-1."),
    ],
)
def test_missing_subnet_is_named(allowed: RegionSettings, message: str) -> None:
    assert message in check_subnets.list_problems(build_settings(allowed), "us-east-1", [])


def build_settings(region: RegionSettings) -> DeploymentSettings:
    return replace(read_deployment_settings("dev"), region_settings={"us-east-1": region})


def test_unknown_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check_subnets.main(["nostage"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Stage nostage has no settings")

"""`make check-subnets` against EC2 of moto."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from tools import check_subnets


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with mock_aws():
        yield


def test_subnets_without_a_way_out_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_subnets.main(["dev"]) == check_subnets.FOUND
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("us-east-1: Instances in subnet-") for line in lines)
    assert len(lines) == 6, "each subnet of the default VPC, whose route table of moto has no internet gateway"


def test_subnet_of_the_stage_with_a_nat_gateway_reaches_all(capsys: pytest.CaptureFixture[str]) -> None:
    ec2 = boto3.client("ec2", "us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[subnet], Tags=[{"Key": "gpudesk:stage", "Value": "dev"}])
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    nat = ec2.create_nat_gateway(SubnetId=subnet)["NatGateway"]["NatGatewayId"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    assert check_subnets.main(["dev"]) == 0
    assert capsys.readouterr().out.startswith("Instances of stage dev reach all that they need")


def test_unknown_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check_subnets.main(["nostage"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Stage nostage has no settings")

"""`make check-subnets` against EC2 of moto."""

from collections.abc import Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from deploy.settings import RegionSettings, read_deployment_settings
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


@pytest.mark.parametrize(
    ("allowed", "usable", "message"),
    [
        (RegionSettings(), {}, "There is no subnet for instances: no subnet has the tag gpudesk:stage=dev"),
        (
            RegionSettings(vpc="vpc-1"),
            {"subnet-2": "vpc-2"},
            "launches in subnet-2, which is not in vpc-1. Tag subnets",
        ),
        (RegionSettings(vpc="vpc-1", subnets=("subnet-1",)), {}, "subnet-1 is in the settings, but gpudesk does not"),
        (
            RegionSettings(vpc="vpc-1", subnets=("subnet-1",)),
            {"subnet-1": "vpc-1", "subnet-2": "vpc-1"},
            "subnet-2 has the tag gpudesk:stage=dev, but launches in it are denied.",
        ),
    ],
)
def test_difference_between_tags_and_settings_is_named(
    allowed: RegionSettings, usable: dict[str, str], message: str
) -> None:
    settings = replace(read_deployment_settings("dev"), region_settings={"us-east-1": allowed})
    assert message in " ".join(check_subnets.list_differences(settings, "us-east-1", usable))


def test_unknown_stage_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check_subnets.main(["nostage"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("Stage nostage has no settings")

"""The default VPC leads to the internet, as AWS's does."""

from typing import Any

import pytest

from local.aws.core.local_cloud import LocalCloud
from tools import check_subnets


def test_instances_reach_everything_from_the_default_vpc(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_subnets.main(["dev"]) == 0
    assert "reach all that they need" in capsys.readouterr().out


def test_default_vpc_has_an_internet_gateway_and_another_vpc_has_none(ec2: Any) -> None:
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    vpcs = {vpc["VpcId"]: vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]}
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    assert [vpcs[each["VpcId"]] for each in gateway["Attachments"]] == [True]
    routes = {
        table["VpcId"]: [route.get("GatewayId") for route in table["Routes"]]
        for table in ec2.describe_route_tables()["RouteTables"]
    }
    assert {vpcs[vpc]: gateways for vpc, gateways in routes.items()} == {
        True: ["local", gateway["InternetGatewayId"]],
        False: ["local"],
    }


def test_default_vpc_that_is_created_again_has_an_internet_gateway(ec2: Any) -> None:
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc["VpcId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    created = ec2.create_default_vpc()["Vpc"]["VpcId"]
    gateways = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [created]}])
    assert len(gateways["InternetGateways"]) == 1

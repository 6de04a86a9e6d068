from typing import Any

import pytest

from deploy.subnets import AGENT_SERVICES, DOWNLOADS, Network, find_unreachable_targets

REGION = "us-east-1"
SUBNET = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "MapPublicIpOnLaunch": False}
MAIN = {"RouteTableId": "rtb-main", "VpcId": "vpc-1", "Associations": [{"Main": True}], "Routes": []}


def route_to(**target: str) -> dict[str, Any]:
    association = {"SubnetId": "subnet-1", "Main": False}
    route = {"DestinationCidrBlock": "0.0.0.0/0", "State": "active", **target}
    return {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [association], "Routes": [route]}


def build_endpoint(service: str, **changes: Any) -> dict[str, Any]:
    return {
        "ServiceName": f"com.amazonaws.{REGION}.{service}",
        "VpcId": "vpc-1",
        "VpcEndpointType": "Interface",
        "State": "available",
        "PrivateDnsEnabled": True,
        **changes,
    }


GATEWAY = build_endpoint("dynamodb", VpcEndpointType="Gateway", RouteTableIds=["rtb-main"])
ENDPOINTS = [*map(build_endpoint, AGENT_SERVICES), GATEWAY]


def find(
    *tables: dict[str, Any], endpoints: list[dict[str, Any]] | None = None, home_region: str = REGION, **changes: Any
) -> tuple[str, ...]:
    network = Network(REGION, [{**SUBNET, **changes}], tables, endpoints or [])
    found = find_unreachable_targets(network, home_region)
    assert all(each.subnet_id in each.message and each.targets[0] in each.message for each in found)
    return found[0].targets if found else ()


def test_subnet_with_a_nat_gateway_reaches_all() -> None:
    assert find(MAIN, route_to(NatGatewayId="nat-1")) == ()


@pytest.mark.parametrize(("public", "reaches"), [(True, True), (False, False)])
def test_internet_gateway_is_used_only_with_public_addresses(public: bool, reaches: bool) -> None:
    assert (find(MAIN, route_to(GatewayId="igw-1"), MapPublicIpOnLaunch=public) == ()) is reaches


def test_private_subnet_is_named_with_all_that_it_does_not_reach() -> None:
    assert find(MAIN) == (*AGENT_SERVICES, f"dynamodb in {REGION}", DOWNLOADS)


def test_blackhole_route_leads_nowhere() -> None:
    assert find(MAIN, route_to(NatGatewayId="nat-1", State="blackhole"))


def test_endpoints_serve_all_but_the_downloads() -> None:
    assert find(MAIN, endpoints=ENDPOINTS) == (DOWNLOADS,)


def test_gateway_endpoint_does_not_lead_to_another_region() -> None:
    assert find(MAIN, endpoints=ENDPOINTS, home_region="eu-west-1") == ("dynamodb in eu-west-1", DOWNLOADS)


@pytest.mark.parametrize(
    "endpoint",
    [
        build_endpoint("ssm", PrivateDnsEnabled=False),
        build_endpoint("ssm", VpcId="vpc-2"),
        build_endpoint("ssm", State="pending"),
    ],
)
def test_endpoint_that_instances_do_not_use_does_not_count(endpoint: dict[str, Any]) -> None:
    assert "ssm" in find(MAIN, endpoints=[*ENDPOINTS[1:], endpoint])


def test_gateway_endpoint_of_another_route_table_does_not_count() -> None:
    targets = find(MAIN, endpoints=[*ENDPOINTS[:-1], {**GATEWAY, "RouteTableIds": ["rtb-2"]}])
    assert targets == (f"dynamodb in {REGION}", DOWNLOADS)

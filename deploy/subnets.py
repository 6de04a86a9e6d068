"""Search for subnets from which an instance cannot reach what it needs, before the first launch fails there.

The functions work on what EC2's Describe calls return, so they need no account.
https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-create-vpc.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AGENT_SERVICES = ("ssm", "ssmmessages")
"""The services of the SSM agent. Without them, gpudesk can neither set up an instance nor open a session.

Agents before 3.3.40.0, and all agents that cannot use ssmmessages, receive commands by ec2messages.
https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html
"""

TABLE_SERVICE = "dynamodb"
"""The service of the heartbeats. An endpoint in a VPC leads to the tables of its region only."""

EVERYWHERE = "0.0.0.0/0"

DOWNLOADS = "PyPI, GitHub and Ubuntu's archive"


@dataclass(frozen=True)
class Network:
    """The network of a region, as EC2 describes it.

    :param subnets: `Subnets` of DescribeSubnets
    :param route_tables: `RouteTables` of DescribeRouteTables
    :param endpoints: `VpcEndpoints` of DescribeVpcEndpoints
    """

    region: str
    subnets: Sequence[Mapping[str, Any]]
    route_tables: Sequence[Mapping[str, Any]]
    endpoints: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class UnreachableTargets:
    """The targets that an instance in a subnet does not reach."""

    subnet_id: str
    targets: tuple[str, ...]

    @property
    def message(self) -> str:
        """Return a sentence for the person who deploys."""
        return (
            f"Instances in {self.subnet_id} do not reach {', '.join(self.targets)}. Add a route to a NAT gateway, or "
            "endpoints for the services and a proxy for the downloads (parameters proxy, apt_mirror, pip_index). "
            "The port of the proxy must be in outbound_ports."
        )


def find_unreachable_targets(network: Network, home_region: str) -> list[UnreachableTargets]:
    """Return what instances do not reach, by subnet. Subnets from which they reach everything are left out."""
    found = (
        UnreachableTargets(subnet["SubnetId"], tuple(_list_unreachable(network, subnet, home_region)))
        for subnet in network.subnets
    )
    return [each for each in found if each.targets]


def _list_unreachable(network: Network, subnet: Mapping[str, Any], home_region: str) -> Iterator[str]:
    route_table = _find_route_table(network.route_tables, subnet)
    if _leads_to_the_internet(route_table, subnet):
        return
    services = {_get_service(each) for each in network.endpoints if _serves(each, subnet, route_table)}
    yield from (service for service in AGENT_SERVICES if service not in services)
    if network.region != home_region or TABLE_SERVICE not in services:
        yield f"{TABLE_SERVICE} in {home_region}"
    yield DOWNLOADS


def _find_route_table(tables: Iterable[Mapping[str, Any]], subnet: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the route table of a subnet: its own, or the main table of the VPC."""
    main: Mapping[str, Any] = {}
    for table in tables:
        for association in table.get("Associations", ()):
            if association.get("SubnetId") == subnet["SubnetId"]:
                return table
            if association.get("Main") and table["VpcId"] == subnet["VpcId"]:
                main = table
    return main


def _leads_to_the_internet(route_table: Mapping[str, Any], subnet: Mapping[str, Any]) -> bool:
    """Return whether the default route leads to the internet.

    Through an internet gateway, only instances with a public address reach it. Another target, such as a NAT gateway, a
    transit gateway or a firewall, is assumed to lead there.
    """
    for route in route_table.get("Routes", ()):
        if route.get("DestinationCidrBlock") == EVERYWHERE and route.get("State", "active") == "active":
            is_internet_gateway = str(route.get("GatewayId", "")).startswith("igw-")
            return not is_internet_gateway or bool(subnet.get("MapPublicIpOnLaunch"))
    return False


def _serves(endpoint: Mapping[str, Any], subnet: Mapping[str, Any], route_table: Mapping[str, Any]) -> bool:
    """Return whether instances of a subnet use an endpoint without being configured for it."""
    if endpoint["VpcId"] != subnet["VpcId"] or endpoint.get("State", "available").lower() != "available":
        return False
    if endpoint["VpcEndpointType"] == "Gateway":
        return route_table.get("RouteTableId") in endpoint.get("RouteTableIds", ())
    return bool(endpoint.get("PrivateDnsEnabled"))


def _get_service(endpoint: Mapping[str, Any]) -> str:
    """Return the name of an endpoint's service: ssm for `com.amazonaws.us-east-1.ssm`."""
    return str(endpoint["ServiceName"]).rpartition(".")[2]

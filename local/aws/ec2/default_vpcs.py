"""Default VPCs with a way to the internet, as on AWS. Those of moto have neither an internet gateway nor a route to it.

https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html
"""

from collections.abc import Callable
from typing import Any

from moto.ec2.models.vpcs import VPCBackend

from local.aws.core.patches import Patches

EVERYWHERE = "0.0.0.0/0"


def patch(patches: Patches) -> None:
    """Complete each default VPC when it is created: with its region, or by CreateDefaultVpc."""
    patches.wrap(VPCBackend, "create_default_vpc", _add_internet_gateway)


def _add_internet_gateway(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def create_default_vpc(backend: Any) -> Any:
        vpc = original(backend)
        gateway = backend.create_internet_gateway()
        backend.attach_internet_gateway(gateway.id, vpc.id)
        (main,) = (table for table in backend.route_tables.values() if table.vpc_id == vpc.id)
        backend.create_route(main.id, EVERYWHERE, gateway_id=gateway.id)
        return vpc

    return create_default_vpc

"""Networks of instances: the variable of the functions that lists them, and the rules of the security group."""

from deploy.setting_checks import InvalidDeploymentSetting
from deploy.settings import DeploymentSettings

MAX_LENGTH = 3_000
"""Characters of the variable. Lambda accepts 4 KB for all variables of a function, and the others have less than 1 KB.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

OUTBOUND_PORTS = (
    (443, "tcp", "AWS, PyPI, GitHub"),
    (80, "tcp", "archives of Ubuntu"),
    (53, "udp", "DNS"),
    (53, "tcp", "DNS"),
)
"""Ports to which instances may connect, with the protocol and what they are for."""


def join_networks(settings: DeploymentSettings) -> str:
    """Return the networks of all regions with a VPC in the settings, in the form that `chalicelib/settings.py` reads.

    :raises InvalidDeploymentSetting: they are too long for Lambda
    """
    networks = ",".join(
        f"{region}={':'.join([each.vpc, *each.subnets])}"
        for region, each in sorted(settings.region_settings.items())
        if each.vpc
    )
    if len(networks) > MAX_LENGTH:
        raise InvalidDeploymentSetting(
            f"regions: VPCs and subnets have {len(networks)} characters, and {MAX_LENGTH} fit into the environment of "
            "the functions. List fewer subnets, or none and tag them gpudesk:stage."
        )
    return networks


def list_outbound_rules(settings: DeploymentSettings) -> tuple[tuple[int, str, str], ...]:
    """Return port, protocol and description of the rules for connections that instances open."""
    further = tuple((port, "tcp", "a port of the settings") for port in settings.outbound_ports)
    return OUTBOUND_PORTS + further

"""Search for subnets from which instances cannot reach what they need: `make check-subnets STAGE=dev`.

It reads the account and changes nothing. Run it before the first deployment, and after changes of the network.
"""

import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import boto3

from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.launch_prerequisites import LaunchPrerequisites, NetworkSettings
from chalicelib.region_networks import RegionNetwork
from deploy.names import ResourceNames
from deploy.setting_checks import InvalidDeploymentSetting
from deploy.settings import DeploymentSettings, RegionSettings
from deploy.stage_file import read_deployment_settings
from deploy.subnets import Network, find_unreachable_targets
from tools.aws_account import exit_on_aws_errors, fail

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

PROBLEMS_FOUND = 1
"""Exit status if a subnet does not reach everything."""


def main(arguments: Sequence[str]) -> int:
    """Print what instances do not reach, and return the exit status."""
    (stage,) = arguments
    try:
        settings = read_deployment_settings(stage)
    except InvalidDeploymentSetting as problem:
        fail(str(problem))
    with exit_on_aws_errors("make check-subnets"):
        found = [message for region in settings.regions for message in check_region(settings, region)]
    everything = f"Instances of stage {stage} reach all that they need from every subnet that they can be launched in."
    sys.stdout.writelines(f"{line}\n" for line in found or [everything])
    return PROBLEMS_FOUND if found else 0


def check_region(settings: DeploymentSettings, region: str) -> list[str]:
    """Return what instances of a region do not reach, as sentences.

    :raises AwsError, BotoCoreError, ClientError: EC2 cannot be called or rejects a call
    """
    network = read_network(settings, region)
    problems = list_problems(settings, region, [subnet["SubnetId"] for subnet in network.subnets])
    unreachable = find_unreachable_targets(network, settings.home_region)
    return [f"{region}: {each}" for each in [*problems, *(each.message for each in unreachable)]]


def list_problems(settings: DeploymentSettings, region: str, found: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the subnets of a region, as sentences.

    :param found: the ids of the subnets that instances may use
    """
    listed = settings.region_settings[region]
    if not found and not listed.subnets:
        yield (
            f"{listed.vpc} has no subnet for instances."
            if listed.vpc
            else "There is no default VPC, or it has no subnet for instances. Name a VPC in the settings."
        )
    for subnet in listed.subnets:
        if subnet not in found:
            yield f"{subnet} is in the settings, but is no subnet of {listed.vpc}."


def read_network(settings: DeploymentSettings, region: str) -> Network:
    """Return the subnets that instances may use, with all routes and endpoints of the region."""
    client = boto3.client("ec2", region)
    listed = settings.region_settings[region]
    regions = {region: RegionNetwork(listed.vpc, listed.subnets)} if listed.vpc else {}
    network = NetworkSettings(settings.stage, ResourceNames(settings).security_group, regions)
    prerequisites = LaunchPrerequisites(build_client_sets().loop, network)
    return Network(
        region,
        prerequisites.list_usable_subnets(region, _find_vpcs(client, listed)),
        [table for page in client.get_paginator("describe_route_tables").paginate() for table in page["RouteTables"]],
        [
            endpoint
            for page in client.get_paginator("describe_vpc_endpoints").paginate()
            for endpoint in page["VpcEndpoints"]
        ],
    )


def _find_vpcs(client: "EC2Client", settings: RegionSettings) -> list[str]:
    """Return the id of the VPC in which the region stack creates the security group; none if there is no such VPC."""
    if settings.vpc:
        return [settings.vpc]
    vpcs = client.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    return [vpc["VpcId"] for vpc in vpcs]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

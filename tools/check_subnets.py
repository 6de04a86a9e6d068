"""Name the subnets from which instances cannot reach what they need: `make check-subnets STAGE=dev`.

It reads the account and changes nothing. Run it before the first deployment, and after changes of the network.
"""

import sys
from collections.abc import Sequence

import boto3

from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.launch_prerequisites import LaunchPrerequisites
from deploy.setting_checks import InvalidDeploymentSetting
from deploy.settings import DeploymentSettings, read_deployment_settings
from deploy.subnets import Network, find_unreachable_targets
from tools.aws_account import exit_on_aws_errors, fail

FOUND = 1
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
    return FOUND if found else 0


def check_region(settings: DeploymentSettings, region: str) -> list[str]:
    """Return what instances of a region do not reach, as sentences.

    :raises BotoCoreError, ClientError: EC2 cannot be called or rejects a call
    """
    network = read_network(settings, region)
    if not network.subnets:
        return [f"{region} has no subnet for instances. Tag subnets gpudesk:stage={settings.stage}, or name some."]
    found = find_unreachable_targets(network, settings.home_region)
    return [f"{region}: {each.message}" for each in found]


def read_network(settings: DeploymentSettings, region: str) -> Network:
    """Return the subnets that gpudesk launches instances in, with all routes and endpoints of the region."""
    client = boto3.client("ec2", region)
    listed = settings.region_settings[region].subnets
    usable = LaunchPrerequisites(build_client_sets().loop, settings.stage).list_usable_subnets(region)
    return Network(
        region,
        [subnet for subnet in usable if not listed or subnet["SubnetId"] in listed],
        [table for page in client.get_paginator("describe_route_tables").paginate() for table in page["RouteTables"]],
        [
            endpoint
            for page in client.get_paginator("describe_vpc_endpoints").paginate()
            for endpoint in page["VpcEndpoints"]
        ],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

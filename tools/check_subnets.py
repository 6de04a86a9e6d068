"""Name the subnets from which instances cannot reach what they need: `make check-subnets STAGE=dev`.

It reads the account and changes nothing. Run it before the first deployment, and after changes of the network.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence

import boto3

from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.launch_prerequisites import LaunchPrerequisites
from chalicelib.aws.tags import STAGE_TAG
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
    problems = list_differences(settings, region, {subnet["SubnetId"]: subnet["VpcId"] for subnet in network.subnets})
    unreachable = find_unreachable_targets(network, settings.home_region)
    return [f"{region}: {each}" for each in [*problems, *(each.message for each in unreachable)]]


def list_differences(settings: DeploymentSettings, region: str, usable: Mapping[str, str]) -> Iterator[str]:
    """Yield how the subnets that gpudesk launches in differ from those that its policy allows, as sentences.

    :param usable: the subnets that gpudesk launches in, and the VPC of each
    """
    tag, allowed = f"{STAGE_TAG}={settings.stage}", settings.region_settings[region]
    if not usable:
        yield f"There is no subnet for instances: no subnet has the tag {tag}, and there is no default VPC. Tag some."
    for subnet in allowed.subnets:
        if subnet not in usable:
            yield f"{subnet} is in the settings, but gpudesk does not launch in it: it lacks the tag {tag}. Tag it."
    for subnet, vpc in usable.items():
        if allowed.vpc not in ("", vpc):
            yield f"gpudesk launches in {subnet}, which is not in {allowed.vpc}. Tag subnets of {allowed.vpc} {tag}."
        elif allowed.subnets and subnet not in allowed.subnets:
            yield f"{subnet} has the tag {tag}, but launches in it are denied. Add it to subnets, or remove the tag."


def read_network(settings: DeploymentSettings, region: str) -> Network:
    """Return the subnets that gpudesk launches instances in, with all routes and endpoints of the region."""
    client = boto3.client("ec2", region)
    usable = LaunchPrerequisites(build_client_sets().loop, settings.stage).list_usable_subnets(region)
    return Network(
        region,
        usable,
        [table for page in client.get_paginator("describe_route_tables").paginate() for table in page["RouteTables"]],
        [
            endpoint
            for page in client.get_paginator("describe_vpc_endpoints").paginate()
            for endpoint in page["VpcEndpoints"]
        ],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

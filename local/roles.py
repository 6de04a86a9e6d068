"""The IAM roles of a stage on the local cloud, with the policies that a deployment gives them."""

import json
from collections.abc import Mapping
from dataclasses import replace

import boto3

from deploy.names import ResourceNames
from deploy.policies import FUNCTION_ROLES, POLICIES
from deploy.policies.session import build_trust_policy
from deploy.settings import RegionSettings, read_deployment_settings

ACCOUNT = "123456789012"
"""The account of the local cloud."""

PARTITION = "aws"


def build_local_names(stage: str, regions: tuple[str, ...]) -> ResourceNames:
    """Return the names and ARNs of a stage in the account of the local cloud.

    :param regions: the regions with instances, in their default VPCs
    """
    settings = read_deployment_settings(stage)
    used = replace(settings, region_settings={region: RegionSettings() for region in regions})
    return ResourceNames(used, partition=PARTITION, account=ACCOUNT)


def create_roles(names: ResourceNames) -> Mapping[str, str]:
    """Create the roles, and the instance profile.

    :returns: the unique ids of the roles, by key
    """
    iam = boto3.client("iam")
    trusts = {
        **dict.fromkeys(FUNCTION_ROLES, _trust_service("lambda.amazonaws.com")),
        "instance": _trust_service("ec2.amazonaws.com"),
        "session": build_trust_policy(names.role_arn("sessions")),
    }
    ids = {}
    for key, trust in trusts.items():
        role = iam.create_role(RoleName=names.role(key), AssumeRolePolicyDocument=json.dumps(trust))["Role"]
        policy = json.dumps(POLICIES[key](names).to_policy())
        iam.put_role_policy(RoleName=names.role(key), PolicyName=key, PolicyDocument=policy)
        ids[key] = str(role["RoleId"])
    profile = names.role("instance")
    iam.create_instance_profile(InstanceProfileName=profile)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=profile)
    return ids


def _trust_service(service: str) -> dict[str, object]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }

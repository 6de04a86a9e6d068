"""IAM roles of the home stack, with the policies of `deploy/policies`."""

from typing import Any

from deploy.cloudformation import Resource, build_resource, get_attribute, ref
from deploy.functions import get_role_id
from deploy.names import ResourceNames
from deploy.policies import FUNCTION_ROLES, POLICIES
from deploy.policies.session import build_trust_policy

MAX_SESSION_SECONDS = 3600
"""The shortest limit that IAM accepts, and the longest that role chaining allows."""


def build_roles(names: ResourceNames) -> dict[str, Resource]:
    """Return the roles, the instance profile and the managed policy for people, by logical id."""
    roles = {
        get_role_id(role): _build_role(names, role, _trust_service("lambda.amazonaws.com")) for role in FUNCTION_ROLES
    }
    roles[get_role_id("instance")] = _build_role(names, "instance", _trust_service("ec2.amazonaws.com"))
    trust = build_trust_policy(get_attribute(get_role_id("sessions"), "Arn"))
    roles[get_role_id("session")] = _build_role(names, "session", trust)
    return {
        **roles,
        "InstanceProfile": build_resource(
            "AWS::IAM::InstanceProfile",
            {"InstanceProfileName": names.role("instance"), "Roles": [ref(get_role_id("instance"))]},
        ),
        "PeoplePolicy": build_resource(
            "AWS::IAM::ManagedPolicy",
            {
                "ManagedPolicyName": f"{names.prefix}-people",
                "Description": "Sessions with AWS credentials on instances of gpudesk",
                "PolicyDocument": POLICIES["people"](names).to_policy(),
            },
        ),
    }


def _build_role(names: ResourceNames, role: str, trust: dict[str, Any]) -> Resource:
    properties: dict[str, Any] = {
        "RoleName": names.role(role),
        "AssumeRolePolicyDocument": trust,
        "MaxSessionDuration": MAX_SESSION_SECONDS,
        "Policies": [{"PolicyName": role, "PolicyDocument": POLICIES[role](names).to_policy()}],
        "Tags": [{"Key": "gpudesk:stage", "Value": names.settings.stage}],
    }
    if role == "instance" and names.settings.instance_policies:
        properties["ManagedPolicyArns"] = list(names.settings.instance_policies)
    if names.settings.permissions_boundary:
        properties["PermissionsBoundary"] = names.settings.permissions_boundary
    return build_resource("AWS::IAM::Role", properties)


def _trust_service(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }

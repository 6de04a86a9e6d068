"""IAM roles, with the policies of `deploy/policies`."""

from typing import Any

from deploy.cloudformation import Resource, build_resource, build_retention, get_attribute, ref
from deploy.functions import get_role_id
from deploy.names import ResourceNames
from deploy.policies import FUNCTION_ROLES, POLICIES
from deploy.policies.session import build_trust_policy
from deploy.policies.size import check_attached_policies, check_managed_policy, divide_policy
from deploy.policies.statement import build_policy_body

MAX_SESSION_SECONDS = 3600
"""The shortest limit that IAM accepts. Role chaining, by which gpudesk opens sessions, allows no longer one.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""


def build_roles(names: ResourceNames) -> dict[str, Resource]:
    """Return the roles, the instance profile and the managed policy for people, by logical id."""
    resources: dict[str, Resource] = {}
    for role in FUNCTION_ROLES:
        resources |= build_role(names, role, trust_service("lambda.amazonaws.com"))
    # The keys of heartbeats begin with the id of the role, and a new role would have another id.
    kept = build_retention(is_kept=names.settings.keeps_data)
    resources |= build_role(names, "instance", trust_service("ec2.amazonaws.com"), **kept)
    resources |= build_role(names, "session", build_trust_policy(get_attribute(get_role_id("sessions"), "Arn")))
    return {
        **resources,
        "InstanceProfile": build_resource(
            "AWS::IAM::InstanceProfile",
            {"InstanceProfileName": names.role("instance"), "Roles": [ref(get_role_id("instance"))]},
            **kept,
        ),
        "PeoplePolicy": build_resource(
            "AWS::IAM::ManagedPolicy",
            {
                "ManagedPolicyName": f"{names.prefix}-people",
                "Description": "Sessions with AWS credentials on instances of gpudesk",
                "PolicyDocument": check_managed_policy(POLICIES["people"](names)).to_policy(),
            },
        ),
    }


def build_role(
    names: ResourceNames, role: str, trust: dict[str, Any], *, name: str | None = None, **attributes: Any
) -> dict[str, Resource]:
    """Return a role, preceded by managed policies for what does not fit into its inline policy.

    :param name: its name in IAM; None: the name of the stage's role
    :param attributes: attributes of the resources, such as `Condition`
    """
    role_name = name or names.role(role)
    inline, *managed = divide_policy(POLICIES[role](names))
    policies = {
        f"{get_role_id(role)}Policy{number}": build_resource(
            "AWS::IAM::ManagedPolicy",
            {
                "ManagedPolicyName": f"{role_name}-{number}",
                "Description": f"More permissions of {role_name}",
                "PolicyDocument": part.to_policy(),
            },
            **attributes,
        )
        for number, part in enumerate(managed, start=2)
    }
    listed = names.settings.instance_policies if role == "instance" else ()
    check_attached_policies(role, len(policies), len(listed))
    attached: list[Any] = [*(ref(policy) for policy in policies), *listed]
    properties: dict[str, Any] = {
        "RoleName": role_name,
        "AssumeRolePolicyDocument": trust,
        "MaxSessionDuration": MAX_SESSION_SECONDS,
        "Policies": [{"PolicyName": role, "PolicyDocument": inline.to_policy()}],
        "Tags": names.tags,
    }
    if attached:
        properties["ManagedPolicyArns"] = attached
    if names.settings.permissions_boundary:
        properties["PermissionsBoundary"] = names.settings.permissions_boundary
    return {**policies, get_role_id(role): build_resource("AWS::IAM::Role", properties, **attributes)}


def trust_service(service: str) -> dict[str, Any]:
    """Return the trust policy of a role that a service of AWS assumes."""
    return build_policy_body([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}])

"""IAM: managed policies are attached to the roles of a stack, and deleted with it."""

from collections.abc import Callable
from typing import Any

from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.utilities.utils import get_partition

from local.aws.cloudformation.creation import Creation, extend_creation
from local.aws.core.patches import Patches
from local.aws.iam.stored_policies import to_text


def patch(patches: Patches) -> None:
    """Attach, detach and delete managed policies."""
    extend_creation(patches, Role, _attach_policies)
    patches.wrap(Role, "delete_from_cloudformation_json", _detach_policies)
    patches.add(ManagedPolicy, "delete", _delete_policy)


def _attach_policies(role: Any, creation: Creation) -> None:
    backend = iam_backends[creation.place.account][creation.place.partition]
    for arn in creation.properties.get("ManagedPolicyArns", []):
        backend.attach_role_policy(arn, role.name)
    for policy_name, document in list(role.policies.items()):
        # moto keeps the dictionary of the template, and GetRolePolicy would show it in the form of Python.
        role.put_policy(policy_name, to_text(document))


def _detach_policies(original: Callable[..., Any]) -> Any:
    def delete(name: str, template: Any, account_id: str, region_name: str) -> None:
        backend = iam_backends[account_id][get_partition(region_name)]
        for arn in list(backend.get_role(name).managed_policies):
            backend.detach_role_policy(arn, name)
        original(name, template, account_id, region_name)

    return staticmethod(delete)


def _delete_policy(policy: Any, account_id: str, region_name: str) -> None:
    """Detach a managed policy and delete it."""
    backend = iam_backends[account_id][get_partition(region_name)]
    for role in list(backend.roles.values()):
        if policy.arn in role.managed_policies:
            backend.detach_role_policy(policy.arn, role.name)
    backend.delete_policy(policy.arn)

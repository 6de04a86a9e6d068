"""Facts about the resources of the local cloud, on which the answers of IAM depend."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

PARTITION = "aws"
NO_TAGS: Mapping[str, str] = {}


class LocalFacts:
    """Facts of moto's backends.

    :ivar list_session_tags: returns the tags of a session of Session Manager
    :ivar has_spot_role: returns whether the service-linked role of EC2 Spot exists
    """

    def __init__(self) -> None:
        """Start without sessions of Session Manager."""
        self.list_session_tags: Callable[[str], Mapping[str, str]] = lambda _: NO_TAGS
        self.has_spot_role: Callable[[], bool] = lambda: False

    def get_tags(self, region: str, kind: str, resource_id: str) -> Mapping[str, str]:
        """Return the tags of a resource."""
        if kind == "session":
            return self.list_session_tags(resource_id)
        tags = ec2_backends[DEFAULT_ACCOUNT_ID][region].tags.get(resource_id)
        return dict(tags) if tags else NO_TAGS

    def find_image_owner(self, region: str, image_id: str) -> str:
        """Return the alias of the owner of an image, or else its account."""
        image: Any = ec2_backends[DEFAULT_ACCOUNT_ID][region].amis.get(image_id)
        return str(getattr(image, "owner_alias", None) or image.owner_id) if image else ""

    def list_image_snapshots(self, region: str, image_id: str) -> Sequence[str]:
        """Return the ids of the snapshots of an image."""
        image: Any = ec2_backends[DEFAULT_ACCOUNT_ID][region].amis.get(image_id)
        snapshot = getattr(image, "ebs_snapshot", None)
        return [str(snapshot.id)] if snapshot else []

    def find_vpc(self, region: str, kind: str, resource_id: str) -> str:
        """Return the VPC of a subnet or of a security group."""
        backend: Any = ec2_backends[DEFAULT_ACCOUNT_ID][region]
        if kind == "security-group":
            group = backend.get_security_group_from_id(resource_id)
            return str(group.vpc_id) if group else ""
        for subnets in backend.subnets.values():
            if resource_id in subnets:
                return str(subnets[resource_id].vpc_id)
        return ""

    def find_default_subnet(self, region: str) -> str:
        """Return the default subnet of the first zone."""
        subnets: Any = ec2_backends[DEFAULT_ACCOUNT_ID][region].get_default_subnets()
        return str(subnets[min(subnets)].id) if subnets else ""

    def find_default_group(self, region: str, vpc: str) -> str:
        """Return the security group that a VPC has from the beginning."""
        groups: Any = ec2_backends[DEFAULT_ACCOUNT_ID][region].groups.get(vpc, {})
        return next((str(group.id) for group in groups.values() if group.is_default), "")

    def find_partition_key(self, region: str, table: str, index: str | None) -> str:
        """Return the partition key of a table or index."""
        found: Any = dynamodb_backends[DEFAULT_ACCOUNT_ID][region].tables.get(table)
        if found is None:
            return ""
        if index is None:
            return str(found.hash_key_attr)
        schemas = [each.schema for each in found.all_indexes() if each.name == index]
        return next((key["AttributeName"] for schema in schemas for key in schema if key["KeyType"] == "HASH"), "")

    def find_profile_role(self, profile: str) -> str:
        """Return the ARN of the role of an instance profile."""
        profiles = iam_backends[DEFAULT_ACCOUNT_ID][PARTITION].instance_profiles.values()
        return next((str(role.arn) for each in profiles if each.name == profile for role in each.roles), "")

    def has_service_linked_role(self, service: str) -> bool:
        """Return whether the account has the role of a service. Its path names the service."""
        roles: Any = iam_backends[DEFAULT_ACCOUNT_ID][PARTITION].roles.values()
        return any(service in role.path for role in roles)

"""A call to AWS as plain data, the access checks of a call, and the facts that they depend on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.aws.iam.patterns import Context


@dataclass(frozen=True)
class Call:
    """One call.

    :param service: name in the SDK, such as `ec2-instance-connect`
    :param parameters: as they were passed to the SDK
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    region: str
    account: str
    partition: str = "aws"

    @property
    def name(self) -> str:
        """Return service and operation."""
        return f"{self.service}:{self.operation}"

    def build_arn(self, service: str, resource: str, *, account: str | None = None, region: str | None = None) -> str:
        """Return an ARN of the call's account and region.

        :param account: empty for resources without one; None: that of the call
        :param region: None: that of the call
        """
        account, region = self.account if account is None else account, self.region if region is None else region
        return f"arn:{self.partition}:{service}:{region}:{account}:{resource}"


@dataclass(frozen=True)
class AccessCheck:
    """One action on one resource, which IAM allows or denies.

    :param resource: ARN, or `*` for an action without resources
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict)


class Facts(Protocol):
    """The facts that AWS knows of the resources that a call names. A resource that does not exist has no tags."""

    def get_tags(self, region: str, kind: str, resource_id: str) -> Mapping[str, str]:
        """Return the tags of an instance, image, snapshot, subnet, security group or session."""
        ...

    def find_image_owner(self, region: str, image_id: str) -> str:
        """Return `amazon`, `aws-marketplace` or the id of the account; empty: there is no such image."""
        ...

    def list_image_snapshots(self, region: str, image_id: str) -> Sequence[str]:
        """Return the ids of the snapshots of an image; empty: there is no such image."""
        ...

    def find_vpc(self, region: str, kind: str, resource_id: str) -> str:
        """Return the id of the VPC of a subnet or security group; empty: there is none."""
        ...

    def find_default_subnet(self, region: str) -> str:
        """Return the id of a default subnet; empty: there is none."""
        ...

    def find_default_group(self, region: str, vpc: str) -> str:
        """Return the id of the default security group of a VPC; empty: there is none."""
        ...

    def find_partition_key(self, region: str, table: str, index: str | None) -> str:
        """Return the name of the partition key; empty: there is no such table or index."""
        ...

    def has_spot_role(self) -> bool:
        """Return whether the account has the service-linked role of EC2 Spot."""
        ...

    def find_profile_role(self, profile: str) -> str:
        """Return the ARN of the role of an instance profile; empty: there is none."""
        ...

    def has_service_linked_role(self, service: str) -> bool:
        """Return whether the account has the role that is linked to a service, named by its principal."""
        ...


ListChecks = Callable[[Call, Facts], Iterable[AccessCheck]]
"""Function that returns the access checks of one operation."""


def build_tag_context(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the condition keys of tags, such as `aws:ResourceTag/NAME`."""
    return {f"{prefix}/{key}": value for key, value in tags.items()}


def build_request_tags(tags: Mapping[str, str]) -> dict[str, str | tuple[str, ...]]:
    """Return the condition keys of the tags in a request. A request without tags has none, not even `aws:TagKeys`."""
    return {**build_tag_context("aws:RequestTag", tags), "aws:TagKeys": tuple(tags)} if tags else {}


def list_checks_without_resource(call: Call, facts: Facts) -> Iterable[AccessCheck]:
    """Return the check of an action that knows no resources."""
    del facts
    return (AccessCheck(f"{call.service}:{call.operation}", "*"),)

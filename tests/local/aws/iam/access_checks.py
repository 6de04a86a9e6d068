"""Access checks of a call in an account in which all resources have the tag of the stage."""

from collections.abc import Mapping, Sequence
from typing import Any

from local.aws.iam.access_checks import list_access_checks
from local.aws.iam.access_checks.call import Call

ACCOUNT, REGION = "123456789012", "eu-west-1"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
SHARED_EC2 = f"arn:aws:ec2:{REGION}:"
SSM = f"arn:aws:ssm:{REGION}:{ACCOUNT}"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/things"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mails"
OTHER_BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/session"
DEV = {"aws:ResourceTag/gpudesk:stage": "dev"}
TAGS = [{"Key": "gpudesk:stage", "Value": "dev"}]
REQUESTED = {"aws:RequestTag/gpudesk:stage": "dev", "aws:TagKeys": ("gpudesk:stage",)}


class FakeFacts:
    """Facts about resources that all have the tag of the stage."""

    def get_tags(self, region: str, kind: str, resource_id: str) -> Mapping[str, str]:
        return {"gpudesk:stage": "dev"}

    def find_image_owner(self, region: str, image_id: str) -> str:
        return "amazon"

    def list_image_snapshots(self, region: str, image_id: str) -> Sequence[str]:
        return [f"snap-of-{image_id}"]

    def find_vpc(self, region: str, kind: str, resource_id: str) -> str:
        return "vpc-1"

    def find_default_subnet(self, region: str) -> str:
        return "subnet-default"

    def find_default_group(self, region: str, vpc: str) -> str:
        return f"sg-of-{vpc}"

    def find_partition_key(self, region: str, table: str, index: str | None) -> str:
        return "owner" if index else "id"

    def has_spot_role(self) -> bool:
        return False

    def find_profile_role(self, profile: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{profile}"

    def has_service_linked_role(self, service: str) -> bool:
        return False


def list_checks(service: str, operation: str, **parameters: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the access checks without the key that all of them have."""
    access_checks = list_access_checks(Call(service, operation, parameters, REGION, ACCOUNT), FakeFacts())
    contexts = [dict(access_check.context) for access_check in access_checks]
    assert all(context.pop("aws:RequestedRegion") == REGION for context in contexts)
    return [(each.action, each.resource, context) for each, context in zip(access_checks, contexts, strict=True)]

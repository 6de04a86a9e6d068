"""Properties that moto's own resource types drop: of tables, documents, security groups and log groups."""

from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroup
from moto.logs.models import LogGroup
from moto.ssm.models import Document, ssm_backends

from local.aws.cloudformation.added_type import to_text
from local.aws.core.patches import Patches

Extend = Callable[[Any, Any, str, str], None]
"""Function that applies properties to a new resource, in an account and a region."""


def patch(patches: Patches) -> None:
    """Apply the properties."""
    for owner, extend in (
        (Table, _extend_table),
        (SecurityGroup, _extend_security_group),
        (LogGroup, _extend_log_group),
    ):
        patches.wrap(owner, "create_from_cloudformation_json", _build_extension(extend))
    patches.wrap(Document, "create_from_cloudformation_json", _write_content_as_text)
    patches.add(Document, "update_from_cloudformation_json", staticmethod(_update_document))


def _build_extension(extend: Extend) -> Callable[[Callable[..., Any]], Any]:
    def wrap(original: Callable[..., Any]) -> Any:
        def create(name: str, template: Any, account_id: str, region_name: str, **rest: Any) -> Any:
            resource = original(name, template, account_id, region_name, **rest)
            extend(resource, template["Properties"], account_id, region_name)
            return resource

        return staticmethod(create)

    return wrap


def _extend_table(table: Any, properties: Any, account: str, region: str) -> None:
    backend = dynamodb_backends[account][region]
    if specification := properties.get("TimeToLiveSpecification"):
        backend.update_time_to_live(table.name, specification)
    if specification := properties.get("PointInTimeRecoverySpecification"):
        backend.update_continuous_backups(table.name, specification)


def _extend_security_group(group: Any, properties: Any, account: str, region: str) -> None:
    """Replace the rule that allows all traffic to leave, as CloudFormation does if a template has egress rules."""
    rules = properties.get("SecurityGroupEgress")
    if rules is None:
        return
    backend = ec2_backends[account][region]
    group.egress_rules.clear()
    for rule in rules:
        networks = [{key: rule[key]} for key in ("CidrIp", "CidrIpv6") if key in rule]
        backend.authorize_security_group_egress(
            group.id, str(rule["IpProtocol"]), rule.get("FromPort"), rule.get("ToPort"), networks, None
        )


def _extend_log_group(group: Any, properties: Any, account: str, region: str) -> None:
    del account, region
    group.retention_in_days = properties.get("RetentionInDays")
    group.kms_key_id = properties.get("KmsKeyId")


def _write_content_as_text(original: Callable[..., Any]) -> Any:
    def create(name: str, template: Any, account_id: str, region_name: str, **rest: Any) -> Any:
        properties = template["Properties"]
        changed = {**template, "Properties": {**properties, "Content": to_text(properties["Content"])}}
        return original(name, changed, account_id, region_name, **rest)

    return staticmethod(create)


def _update_document(
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    """Create a new default version, or replace the document, as `UpdateMethod` says.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-document.html
    """
    properties = cloudformation_json["Properties"]
    if properties.get("UpdateMethod", "Replace") == "Replace":
        Document.delete_from_cloudformation_json(original_resource.name, cloudformation_json, account_id, region_name)
        return Document.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
    backend = ssm_backends[account_id][region_name]
    content = to_text(properties["Content"])
    documents = backend._get_documents(original_resource.name)
    if content != documents.get_default_version().content:
        backend.update_document(
            content=content,
            attachments=[],
            name=original_resource.name,
            version_name=properties.get("VersionName", ""),
            document_version="$LATEST",
            document_format=properties.get("DocumentFormat", "JSON"),
            target_type=properties.get("TargetType", ""),
        )
        backend.update_document_default_version(original_resource.name, documents.latest_version)
    return documents.get_default_version()

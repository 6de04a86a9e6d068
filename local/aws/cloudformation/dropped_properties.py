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
from local.aws.cloudformation.creation import Creation, extend_creation
from local.aws.core.patches import Patches


def patch(patches: Patches) -> None:
    """Apply the properties."""
    extend_creation(patches, Table, _extend_table)
    extend_creation(patches, SecurityGroup, _extend_security_group)
    extend_creation(patches, LogGroup, _extend_log_group)
    patches.wrap(Document, "create_from_cloudformation_json", _write_content_as_text)
    patches.add(Document, "update_from_cloudformation_json", staticmethod(_update_document))


def _extend_table(table: Any, creation: Creation) -> None:
    backend = dynamodb_backends[creation.place.account][creation.place.region]
    if specification := creation.properties.get("TimeToLiveSpecification"):
        backend.update_time_to_live(table.name, specification)
    if specification := creation.properties.get("PointInTimeRecoverySpecification"):
        backend.update_continuous_backups(table.name, specification)


def _extend_security_group(group: Any, creation: Creation) -> None:
    """Replace the rule for all outbound traffic by the egress rules of the template, if it has some.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
    """
    rules = creation.properties.get("SecurityGroupEgress")
    if rules is None:
        return
    backend = ec2_backends[creation.place.account][creation.place.region]
    group.egress_rules.clear()
    for rule in rules:
        networks = [{key: rule[key]} for key in ("CidrIp", "CidrIpv6") if key in rule]
        backend.authorize_security_group_egress(
            group.id, str(rule["IpProtocol"]), rule.get("FromPort"), rule.get("ToPort"), networks, None
        )


def _extend_log_group(group: Any, creation: Creation) -> None:
    group.retention_in_days = creation.properties.get("RetentionInDays")
    group.kms_key_id = creation.properties.get("KmsKeyId")


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

"""The region stack: what instances need in each region. The home region has one, too, without forwarding rules.

All regions have the same template. What differs is in its mapping by region.
"""

from typing import Any

from chalicelib.region_networks import build_group_name
from deploy.cloudformation import Resource, Template, build_resource, build_retention, get_attribute, ref
from deploy.documents import build_documents
from deploy.forwarding import build_forwarding
from deploy.names import ResourceNames
from deploy.networks import list_outbound_rules
from deploy.settings import DeploymentSettings


def build_region_template(settings: DeploymentSettings) -> Template:
    """Return the template of the region stacks as plain CloudFormation.

    :raises DocumentTooLarge: a composed document exceeds MAX_DOCUMENT_BYTES
    """
    names = ResourceNames(settings)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"gpudesk, stage {settings.stage}: documents and security group of one region",
        "Mappings": {"Regions": _build_mapping(names)},
        "Conditions": {
            "IsOutsideHome": {"Fn::Not": [{"Fn::Equals": [ref("AWS::Region"), settings.home_region]}]},
            "HasVpc": {"Fn::Not": [{"Fn::Equals": [_find_in_region("Vpc"), ""]}]},
            "HasKey": {"Fn::Not": [{"Fn::Equals": [_find_in_region("KmsKey"), ""]}]},
        },
        "Resources": {
            **build_documents(names),
            "SecurityGroup": build_security_group(names),
            "InstanceLogs": build_log_group(names),
            **build_forwarding(names),
        },
        "Outputs": {"SecurityGroupId": {"Value": get_attribute("SecurityGroup", "GroupId")}},
    }


def _build_mapping(names: ResourceNames) -> dict[str, dict[str, str]]:
    return {
        region: {
            "Vpc": each.vpc,
            "GroupName": build_group_name(names.security_group, each.vpc),
            "KmsKey": each.kms_key,
        }
        for region, each in sorted(names.settings.region_settings.items())
    }


def _find_in_region(key: str) -> dict[str, Any]:
    return {"Fn::FindInMap": ["Regions", ref("AWS::Region"), key]}


def _only_if(condition: str, value: Any) -> dict[str, Any]:
    return {"Fn::If": [condition, value, ref("AWS::NoValue")]}


def build_security_group(names: ResourceNames) -> Resource:
    """Return the security group of the instances. It has no ingress rule."""
    return build_resource(
        "AWS::EC2::SecurityGroup",
        {
            # A new description would need a new name, too, because it replaces the group.
            "GroupName": {"Fn::If": ["HasVpc", _find_in_region("GroupName"), names.security_group]},
            "GroupDescription": "gpudesk: no ingress; instances are reached through Session Manager",
            "VpcId": _only_if("HasVpc", _find_in_region("Vpc")),
            "SecurityGroupIngress": [],
            "SecurityGroupEgress": [
                {
                    "CidrIp": "0.0.0.0/0",
                    "IpProtocol": protocol,
                    "FromPort": port,
                    "ToPort": port,
                    "Description": description,
                }
                for port, protocol, description in list_outbound_rules(names.settings)
            ],
            "Tags": names.tags,
        },
        # E3021 requires VpcId with egress rules, as EC2-Classic did. Without VpcId the group is in the default VPC.
        Metadata={"cfn-lint": {"config": {"ignore_checks": ["E3021"]}}},
    )


def build_log_group(names: ResourceNames) -> Resource:
    """Return the log group for the output of documents."""
    return build_resource(
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": names.instance_log_group,
            "RetentionInDays": names.settings.log_retention_days,
            "KmsKeyId": _only_if("HasKey", _find_in_region("KmsKey")),
        },
        **build_retention(is_kept=False),
    )

"""The region stack: what instances need in each region. The home region has one, too, without forwarding rules.

One template serves all regions; what differs is in its mapping by region.
"""

import json
from typing import Any

from chalicelib.events import COMMAND_PATTERN, EC2_PATTERN
from deploy.cloudformation import Resource, Template, build_resource, get_attribute, ref, to_logical_id
from deploy.names import ResourceNames
from deploy.settings import DeploymentSettings
from ssm_documents.compose import compose, list_document_names
from ssm_documents.session_documents import list_session_names, load_session_document

MAX_DOCUMENT_BYTES = 60_000
"""A little less than the 64 KB that SSM accepts, because a document grows when its JSON is written again.

https://docs.aws.amazon.com/general/latest/gr/ssm.html
"""

FORWARDED_EVENTS = {"ec2": EC2_PATTERN, "ssm": COMMAND_PATTERN}

OUTBOUND_PORTS = (
    (443, "tcp", "AWS, PyPI, GitHub"),
    (80, "tcp", "Ubuntu's archive"),
    (53, "udp", "DNS"),
    (53, "tcp", "DNS"),
)


class DocumentTooLarge(ValueError):
    """A composed document has more bytes than SSM accepts."""


def build_region_template(settings: DeploymentSettings) -> Template:
    """Return the template of the region stacks as plain CloudFormation.

    :raises DocumentTooLarge: a composed document exceeds MAX_DOCUMENT_BYTES
    """
    names = ResourceNames(settings)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"gpudesk, stage {settings.stage}: documents and security group of one region",
        "Mappings": {"Regions": _build_mapping(settings)},
        "Conditions": {
            "IsAway": {"Fn::Not": [{"Fn::Equals": [ref("AWS::Region"), settings.home_region]}]},
            "HasVpc": {"Fn::Not": [{"Fn::Equals": [_find_in_region("Vpc"), ""]}]},
            "HasKey": {"Fn::Not": [{"Fn::Equals": [_find_in_region("KmsKey"), ""]}]},
        },
        "Resources": {
            **build_documents(names),
            "SecurityGroup": build_security_group(names),
            "InstanceLogs": _build_log_group(names),
            **_build_forwarding(names),
        },
        "Outputs": {"SecurityGroupId": {"Value": get_attribute("SecurityGroup", "GroupId")}},
    }


def _build_mapping(settings: DeploymentSettings) -> dict[str, dict[str, str]]:
    return {
        region: {"Vpc": each.vpc, "KmsKey": each.kms_key} for region, each in sorted(settings.region_settings.items())
    }


def _find_in_region(key: str) -> dict[str, Any]:
    return {"Fn::FindInMap": ["Regions", ref("AWS::Region"), key]}


def _only_if(condition: str, value: Any) -> dict[str, Any]:
    return {"Fn::If": [condition, value, ref("AWS::NoValue")]}


def build_documents(names: ResourceNames) -> dict[str, Resource]:
    """Return all SSM documents by logical id.

    :raises DocumentTooLarge: a composed document exceeds MAX_DOCUMENT_BYTES
    """
    commands = {name: compose(name) for name in list_document_names()}
    sessions = {name: load_session_document(name) for name in list_session_names()}
    return {
        **{_get_document_id(name): build_document(names, name, "Command", each) for name, each in commands.items()},
        **{_get_document_id(name): build_document(names, name, "Session", each) for name, each in sessions.items()},
    }


def _get_document_id(name: str) -> str:
    return f"{to_logical_id(name.removeprefix('gpudesk-'))}Document"


def build_document(names: ResourceNames, name: str, kind: str, content: dict[str, Any]) -> Resource:
    """Return an SSM document.

    :param name: its name in the sources
    :param kind: "Command" or "Session"
    :raises DocumentTooLarge: it exceeds MAX_DOCUMENT_BYTES
    """
    size = len(json.dumps(content).encode())
    if size > MAX_DOCUMENT_BYTES:
        raise DocumentTooLarge(
            f"{name} has {size} bytes; at most {MAX_DOCUMENT_BYTES} fit into SSM. Shorten its scripts."
        )
    properties: dict[str, Any] = {
        "Name": names.document(name),
        "DocumentType": kind,
        "DocumentFormat": "JSON",
        "Content": content,
        "UpdateMethod": "NewVersion",
        "Tags": _build_tags(names),
    }
    if kind == "Command":
        properties["TargetType"] = "/AWS::EC2::Instance"
    # Scripts contain texts such as ${AWS_REGION}, so nothing in a document is an expression of CloudFormation.
    return {"Type": "AWS::SSM::Document", "Properties": properties}


def build_security_group(names: ResourceNames) -> Resource:
    """Return the security group of the instances. It has no ingress rule."""
    return build_resource(
        "AWS::EC2::SecurityGroup",
        {
            "GroupName": names.security_group,
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
                for port, protocol, description in OUTBOUND_PORTS
            ],
            "Tags": _build_tags(names),
        },
        # The rule comes from EC2-Classic. Without VpcId the group is in the default VPC, which accepts egress rules.
        Metadata={"cfn-lint": {"config": {"ignore_checks": ["E3021"]}}},
    )


def _build_log_group(names: ResourceNames) -> Resource:
    return build_resource(
        "AWS::Logs::LogGroup",
        {
            "LogGroupName": names.instance_log_group,
            "RetentionInDays": names.settings.log_retention_days,
            "KmsKeyId": _only_if("HasKey", _find_in_region("KmsKey")),
        },
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
    )


def _build_forwarding(names: ResourceNames) -> dict[str, Resource]:
    """Return the rules that forward events to the home region's bus, and their role.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
    """
    bus = names.home_arn("events", "event-bus/default")
    role = build_resource(
        "AWS::IAM::Role",
        {
            "RoleName": f"{names.prefix}-forward-${{AWS::Region}}",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        "Condition": {"StringEquals": {"aws:SourceAccount": names.account}},
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "forward",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Sid": "PutEvents",
                                "Effect": "Allow",
                                "Action": ["events:PutEvents"],
                                "Resource": [bus],
                            }
                        ],
                    },
                }
            ],
            **_build_boundary(names),
        },
        Condition="IsAway",
    )
    rules = {
        f"Forward{to_logical_id(key)}Rule": build_resource(
            "AWS::Events::Rule",
            {
                "Name": f"{names.prefix}-forward-{key}",
                "Description": "gpudesk: events of instances for the home region",
                "EventPattern": pattern,
                "State": "ENABLED",
                "Targets": [{"Id": "home", "Arn": bus, "RoleArn": get_attribute("ForwardRole", "Arn")}],
            },
            Condition="IsAway",
        )
        for key, pattern in FORWARDED_EVENTS.items()
    }
    return {"ForwardRole": role, **rules}


def _build_boundary(names: ResourceNames) -> dict[str, str]:
    boundary = names.settings.permissions_boundary
    return {"PermissionsBoundary": boundary} if boundary else {}


def _build_tags(names: ResourceNames) -> list[dict[str, str]]:
    return [{"Key": "gpudesk:stage", "Value": names.settings.stage}]

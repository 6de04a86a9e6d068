"""Types of resources in the templates, with the calls that create them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

Properties = Mapping[str, Any]

OPEN_RULE: Any = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
"""The egress rule of a new security group."""

UPDATE_PROPERTIES = ("UpdateMethod",)
"""Properties that say how CloudFormation updates a resource. No call has them."""


@dataclass(frozen=True)
class CreatedResource:
    """A created resource.

    :param ref: value of `Ref`
    :param attributes: values of `Fn::GetAtt`
    """

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def _create_table(region: str, properties: Properties) -> CreatedResource:
    dynamodb, name = boto3.client("dynamodb", region), properties["TableName"]
    separate = ("PointInTimeRecoverySpecification", "StreamSpecification", "TimeToLiveSpecification")
    arguments = {key: value for key, value in properties.items() if key not in separate}
    if stream := properties.get("StreamSpecification"):
        # A view type alone switches the stream on in CloudFormation. The API requires a flag, too.
        arguments["StreamSpecification"] = {"StreamEnabled": True, **stream}
    arn = dynamodb.create_table(**arguments)["TableDescription"]["TableArn"]
    recovery = properties["PointInTimeRecoverySpecification"]
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    if expiry := properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    return CreatedResource(name, {"Arn": arn})


def _create_role(_region: str, properties: Properties) -> CreatedResource:
    iam, name = boto3.client("iam"), properties["RoleName"]
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    passed_on = {key: properties[key] for key in ("PermissionsBoundary", "Tags") if key in properties}
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=trust,
        MaxSessionDuration=properties["MaxSessionDuration"],
        **passed_on,
    )["Role"]
    for policy in properties["Policies"]:
        text = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=text)
    for arn in properties.get("ManagedPolicyArns", ()):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    return CreatedResource(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _create_profile(_region: str, properties: Properties) -> CreatedResource:
    iam, name = boto3.client("iam"), properties["InstanceProfileName"]
    iam.create_instance_profile(InstanceProfileName=name)
    for role in properties["Roles"]:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return CreatedResource(name)


def _create_policy(_region: str, properties: Properties) -> CreatedResource:
    text = json.dumps(properties["PolicyDocument"])
    policy = boto3.client("iam").create_policy(
        PolicyName=properties["ManagedPolicyName"], PolicyDocument=text, Description=properties["Description"]
    )
    return CreatedResource(policy["Policy"]["Arn"])


def _create_topic(region: str, properties: Properties) -> CreatedResource:
    return CreatedResource(boto3.client("sns", region).create_topic(Name=properties["TopicName"])["TopicArn"])


def _create_document(region: str, properties: Properties) -> CreatedResource:
    passed_on = {key: value for key, value in properties.items() if key not in ("Content", *UPDATE_PROPERTIES)}
    boto3.client("ssm", region).create_document(Content=json.dumps(properties["Content"]), **passed_on)
    return CreatedResource(properties["Name"])


def _create_security_group(region: str, properties: Properties) -> CreatedResource:
    ec2 = boto3.client("ec2", region)
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    group_id = ec2.create_security_group(
        GroupName=properties["GroupName"],
        Description=properties["GroupDescription"],
        VpcId=properties.get("VpcId", vpcs[0]["VpcId"]),
        TagSpecifications=[{"ResourceType": "security-group", "Tags": properties["Tags"]}],
    )["GroupId"]
    # A new group has a rule for all outbound traffic. CloudFormation replaces it by the rules of the template.
    ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[OPEN_RULE])
    for direction, authorize in (
        ("SecurityGroupIngress", ec2.authorize_security_group_ingress),
        ("SecurityGroupEgress", ec2.authorize_security_group_egress),
    ):
        if rules := properties[direction]:
            authorize(GroupId=group_id, IpPermissions=[_build_permission(rule) for rule in rules])
    return CreatedResource(group_id, {"GroupId": group_id})


def _build_permission(rule: Properties) -> Any:
    """Return a rule of CloudFormation in the form of EC2's API."""
    ranges = [{"CidrIp": rule["CidrIp"], "Description": rule["Description"]}]
    return {**{key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort")}, "IpRanges": ranges}


def _create_log_group(region: str, properties: Properties) -> CreatedResource:
    logs, name = boto3.client("logs", region), properties["LogGroupName"]
    key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
    logs.create_log_group(logGroupName=name, **key)
    logs.put_retention_policy(logGroupName=name, retentionInDays=properties["RetentionInDays"])
    return CreatedResource(name)


def _skip(_region: str, _properties: Properties) -> CreatedResource:
    """Create nothing, because gpudesk does not call the service. Only stacks of CloudFormation have the resource."""
    return CreatedResource("")


@dataclass(frozen=True)
class ResourceType:
    """How a resource of a type is created.

    :param create: function of the region and the properties
    :param properties: properties that the function uses, and properties that only CloudFormation uses
    """

    create: Callable[[str, Properties], CreatedResource]
    properties: frozenset[str]


def _build_type(create: Callable[[str, Properties], CreatedResource], *properties: str) -> ResourceType:
    return ResourceType(create, frozenset(properties))


TYPES: Mapping[str, ResourceType] = {
    "AWS::DynamoDB::Table": _build_type(
        _create_table,
        "AttributeDefinitions",
        "BillingMode",
        "DeletionProtectionEnabled",
        "GlobalSecondaryIndexes",
        "KeySchema",
        "PointInTimeRecoverySpecification",
        "StreamSpecification",
        "TableName",
        "TimeToLiveSpecification",
    ),
    "AWS::EC2::SecurityGroup": _build_type(
        _create_security_group,
        "GroupDescription",
        "GroupName",
        "SecurityGroupEgress",
        "SecurityGroupIngress",
        "Tags",
        "VpcId",
    ),
    "AWS::IAM::InstanceProfile": _build_type(_create_profile, "InstanceProfileName", "Roles"),
    "AWS::IAM::ManagedPolicy": _build_type(_create_policy, "Description", "ManagedPolicyName", "PolicyDocument"),
    "AWS::IAM::Role": _build_type(
        _create_role,
        "AssumeRolePolicyDocument",
        "ManagedPolicyArns",
        "MaxSessionDuration",
        "PermissionsBoundary",
        "Policies",
        "RoleName",
        "Tags",
    ),
    "AWS::Logs::LogGroup": _build_type(_create_log_group, "KmsKeyId", "LogGroupName", "RetentionInDays"),
    "AWS::SNS::Topic": _build_type(_create_topic, "TopicName"),
    "AWS::SQS::Queue": _build_type(_skip, "MessageRetentionPeriod", "QueueName", "SqsManagedSseEnabled"),
    "AWS::SSM::Document": _build_type(
        _create_document,
        "Content",
        "DocumentFormat",
        "DocumentType",
        "Name",
        "Tags",
        "TargetType",
        *UPDATE_PROPERTIES,
    ),
}

"""Create resources of the templates with single calls, much faster than a stack of CloudFormation.

The properties are those of the templates, so that template and local cloud cannot drift apart. What only CloudFormation
knows, such as deletion policies, has no counterpart in a call.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

Properties = Mapping[str, Any]


class UnknownResourceType(ValueError):
    """The template has a resource that this module cannot create."""


@dataclass(frozen=True)
class Created:
    """A created resource.

    :param ref: value of `Ref`
    :param attributes: values of `Fn::GetAtt`
    """

    ref: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ResourceCreator:
    """Creates resources in one region, in the order of the template.

    :ivar created: the resources by logical id
    """

    region: str
    created: dict[str, Created] = field(default_factory=dict)

    def create_all(self, resources: Mapping[str, Mapping[str, Any]]) -> None:
        """Create resources. Each may refer to those before it.

        :raises UnknownResourceType: a resource has a type that is not known here
        """
        for logical_id, resource in resources.items():
            kind = resource["Type"]
            if kind not in _CREATE:
                raise UnknownResourceType(f"{logical_id} has the type {kind}, which {__name__} cannot create.")
            self.created[logical_id] = _CREATE[kind](self.region, self.resolve(resource["Properties"]))

    def resolve(self, value: Any) -> Any:
        """Return a value without expressions of CloudFormation."""
        match value:
            case {"Ref": str() as logical_id}:
                return self.created[logical_id].ref
            case {"Fn::GetAtt": [logical_id, attribute]}:
                return self.created[logical_id].attributes[attribute]
            case {"Fn::If": [_, _, {"Ref": "AWS::NoValue"}]}:
                return None
            case dict():
                resolved = {key: self.resolve(inner) for key, inner in value.items()}
                return {key: inner for key, inner in resolved.items() if inner is not None}
            case list():
                return [self.resolve(inner) for inner in value]
            case _:
                return value


def _create_table(region: str, properties: Properties) -> Created:
    dynamodb, name = boto3.client("dynamodb", region), properties["TableName"]
    separate = ("PointInTimeRecoverySpecification", "StreamSpecification", "TimeToLiveSpecification")
    arguments = {key: value for key, value in properties.items() if key not in separate}
    if stream := properties.get("StreamSpecification"):
        # CloudFormation switches the stream on by naming its content.
        arguments["StreamSpecification"] = {"StreamEnabled": True, **stream}
    arn = dynamodb.create_table(**arguments)["TableDescription"]["TableArn"]
    recovery = properties["PointInTimeRecoverySpecification"]
    dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
    if expiry := properties.get("TimeToLiveSpecification"):
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    return Created(name, {"Arn": arn})


def _create_role(_region: str, properties: Properties) -> Created:
    iam, name = boto3.client("iam"), properties["RoleName"]
    trust = json.dumps(properties["AssumeRolePolicyDocument"])
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=trust, MaxSessionDuration=properties["MaxSessionDuration"]
    )["Role"]
    for policy in properties["Policies"]:
        text = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=text)
    for arn in properties.get("ManagedPolicyArns", ()):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    return Created(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _create_profile(_region: str, properties: Properties) -> Created:
    iam, name = boto3.client("iam"), properties["InstanceProfileName"]
    iam.create_instance_profile(InstanceProfileName=name)
    for role in properties["Roles"]:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
    return Created(name)


def _create_policy(_region: str, properties: Properties) -> Created:
    text = json.dumps(properties["PolicyDocument"])
    policy = boto3.client("iam").create_policy(PolicyName=properties["ManagedPolicyName"], PolicyDocument=text)
    return Created(policy["Policy"]["Arn"])


def _create_topic(region: str, properties: Properties) -> Created:
    return Created(boto3.client("sns", region).create_topic(Name=properties["TopicName"])["TopicArn"])


def _create_document(region: str, properties: Properties) -> Created:
    boto3.client("ssm", region).create_document(
        Name=properties["Name"],
        Content=json.dumps(properties["Content"]),
        DocumentType=properties["DocumentType"],
        DocumentFormat=properties["DocumentFormat"],
    )
    return Created(properties["Name"])


def _create_security_group(region: str, properties: Properties) -> Created:
    ec2 = boto3.client("ec2", region)
    vpcs = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    group_id = ec2.create_security_group(
        GroupName=properties["GroupName"],
        Description=properties["GroupDescription"],
        VpcId=properties.get("VpcId", vpcs[0]["VpcId"]),
        TagSpecifications=[{"ResourceType": "security-group", "Tags": properties["Tags"]}],
    )["GroupId"]
    return Created(group_id, {"GroupId": group_id})


def _skip(_region: str, _properties: Properties) -> Created:
    """Create nothing, because no code of gpudesk calls the service. A stack of CloudFormation has the resource."""
    return Created("")


_CREATE: Mapping[str, Callable[[str, Properties], Created]] = {
    "AWS::DynamoDB::Table": _create_table,
    "AWS::EC2::SecurityGroup": _create_security_group,
    "AWS::IAM::InstanceProfile": _create_profile,
    "AWS::IAM::ManagedPolicy": _create_policy,
    "AWS::IAM::Role": _create_role,
    "AWS::SNS::Topic": _create_topic,
    "AWS::SQS::Queue": _skip,
    "AWS::SSM::Document": _create_document,
}

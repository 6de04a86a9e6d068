"""Access checks of a call: actions, resources, and the condition keys that depend on the parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from local.aws.iam.access_checks import OPERATIONS, list_access_checks
from local.aws.iam.access_checks.call import Call
from local.aws.iam.access_checks.dynamodb_expressions import list_attributes
from local.aws.iam.errors import UnknownOperation

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

    def find_profile_role(self, profile: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{profile}"


def list_checks(service: str, operation: str, **parameters: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the access checks without the key that all of them have."""
    access_checks = list_access_checks(Call(service, operation, parameters, REGION, ACCOUNT), FakeFacts())
    contexts = [dict(access_check.context) for access_check in access_checks]
    assert all(context.pop("aws:RequestedRegion") == REGION for context in contexts)
    return [(each.action, each.resource, context) for each, context in zip(access_checks, contexts, strict=True)]


def test_launch_is_checked_on_each_resource_each_tag_and_the_role() -> None:
    found = list_checks(
        "ec2",
        "RunInstances",
        ImageId="ami-1",
        InstanceType="g4dn.xlarge",
        IamInstanceProfile={"Name": "machines"},
        MetadataOptions={"HttpTokens": "required"},
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True, "VolumeSize": 64}}],
        NetworkInterfaces=[{"SubnetId": "subnet-1", "Groups": ["sg-1"]}],
        TagSpecifications=[
            {"ResourceType": kind, "Tags": TAGS} for kind in ("instance", "volume", "network-interface")
        ],
    )
    contexts = {(action, resource): context for action, resource, context in found}
    run, tag = "ec2:RunInstances", "ec2:CreateTags"
    created = [f"{EC2}:{kind}/*" for kind in ("instance", "volume", "network-interface")]
    used = [
        f"{SHARED_EC2}:image/ami-1",
        f"{EC2}:subnet/subnet-1",
        f"{EC2}:security-group/sg-1",
        f"{SHARED_EC2}:snapshot/snap-of-ami-1",
    ]
    role = f"arn:aws:iam::{ACCOUNT}:role/machines"
    assert contexts.keys() == {
        *((run, each) for each in (*created, *used)),
        *((tag, each) for each in created),
        ("iam:PassRole", role),
    }
    instance = contexts[run, created[0]]
    assert instance.items() >= REQUESTED.items()
    assert instance["ec2:MetadataHttpTokens"] == "required"
    assert instance["ec2:InstanceProfile"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/machines"
    assert contexts[run, created[1]]["ec2:Encrypted"] == "true"
    assert contexts[run, used[0]]["ec2:Owner"] == contexts[run, used[3]]["ec2:Owner"] == "amazon"
    assert contexts[run, used[1]].items() >= {**DEV, "ec2:Vpc": f"{EC2}:vpc/vpc-1"}.items()
    assert contexts[tag, created[2]] == {**REQUESTED, "ec2:CreateAction": "RunInstances"}
    assert contexts["iam:PassRole", role] == {"iam:PassedToService": "ec2.amazonaws.com"}


def test_launch_without_options_says_so() -> None:
    found = {
        resource: context
        for _, resource, context in list_checks("ec2", "RunInstances", ImageId="ami-1", InstanceType="x")
    }
    assert not found[f"{EC2}:instance/*"].keys() & {"aws:TagKeys", "ec2:MetadataHttpTokens", "ec2:InstanceProfile"}
    assert found[f"{EC2}:volume/*"] == {"ec2:Encrypted": "false"}


@pytest.mark.parametrize(
    ("parameters", "subnets", "groups"),
    [
        ({}, {"subnet-default"}, {"sg-of-vpc-1"}),
        ({"SubnetId": "subnet-1"}, {"subnet-1"}, {"sg-of-vpc-1"}),
        ({"SecurityGroupIds": ["sg-1", "sg-2"]}, {"subnet-default"}, {"sg-1", "sg-2"}),
        ({"NetworkInterfaces": [{"Groups": ["sg-1"]}, {"SubnetId": "subnet-1"}]}, {"subnet-default", "subnet-1"},
         {"sg-1", "sg-of-vpc-1"}),
    ],
    ids=["nothing", "subnet", "groups", "interfaces"],
)  # fmt: skip
def test_launch_without_a_subnet_or_group_uses_the_default(
    parameters: dict[str, Any], subnets: set[str], groups: set[str]
) -> None:
    found = list_checks("ec2", "RunInstances", ImageId="ami-1", InstanceType="x", **parameters)
    resources = [resource.removeprefix(f"{EC2}:").split("/") for _, resource, _ in found]
    assert {each[1] for each in resources if each[0] == "subnet"} == subnets
    assert {each[1] for each in resources if each[0] == "security-group"} == groups


@pytest.mark.parametrize(
    "parameters",
    [
        {"SecurityGroups": ["open"]},
        {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}},
        {"CapacityReservationSpecification": {"CapacityReservationPreference": "open"}},
        {"InstanceMarketOptions": {"MarketType": "spot"}},
        {"Placement": {"GroupName": "near"}},
        {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}]},
    ],
    ids=str,
)
def test_launch_with_a_parameter_that_may_name_a_resource_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(UnknownOperation, match=next(iter(parameters))):
        list_checks("ec2", "RunInstances", ImageId="ami-1", InstanceType="x", **parameters)


CALLS: tuple[tuple[str, str, dict[str, Any], list[tuple[str, str, dict[str, Any]]]], ...] = (
    ("ec2", "DescribeInstances", {}, [("ec2:DescribeInstances", "*", {})]),
    ("ec2messages", "SendReply", {}, [("ec2messages:SendReply", "*", {})]),
    ("ssmmessages", "OpenControlChannel", {}, [("ssmmessages:OpenControlChannel", "*", {})]),
    (
        "ssm",
        "UpdateInstanceInformation",
        {"InstanceId": "i-1"},
        [("ssm:UpdateInstanceInformation", f"{EC2}:instance/i-1", {**DEV, "ssm:resourceTag/gpudesk:stage": "dev"})],
    ),
    (
        "ec2",
        "StopInstances",
        {"InstanceIds": ["i-1", "i-2"]},
        [("ec2:StopInstances", f"{EC2}:instance/{each}", DEV) for each in ("i-1", "i-2")],
    ),
    (
        "ec2",
        "CreateImage",
        {"InstanceId": "i-1", "TagSpecifications": [{"ResourceType": "image", "Tags": TAGS}]},
        [
            ("ec2:CreateImage", f"{EC2}:instance/i-1", DEV),
            ("ec2:CreateImage", f"{SHARED_EC2}:image/*", REQUESTED),
            ("ec2:CreateTags", f"{SHARED_EC2}:image/*", {**REQUESTED, "ec2:CreateAction": "CreateImage"}),
            ("ec2:CreateImage", f"{SHARED_EC2}:snapshot/*", {}),
        ],
    ),
    (
        "ec2",
        "CreateTags",
        {"Resources": ["i-1", "snap-1"], "Tags": TAGS},
        [
            ("ec2:CreateTags", f"{EC2}:instance/i-1", {**DEV, **REQUESTED}),
            ("ec2:CreateTags", f"{SHARED_EC2}:snapshot/snap-1", {**DEV, **REQUESTED}),
        ],
    ),
    (
        "ec2",
        "ModifyInstanceAttribute",
        {"InstanceId": "i-1", "InstanceType": {"Value": "p3.2xlarge"}},
        [("ec2:ModifyInstanceAttribute", f"{EC2}:instance/i-1", {**DEV, "ec2:Attribute": "InstanceType"})],
    ),
    (
        "ec2-instance-connect",
        "SendSSHPublicKey",
        {"InstanceId": "i-1", "InstanceOSUser": "ubuntu"},
        [("ec2-instance-connect:SendSSHPublicKey", f"{EC2}:instance/i-1", {**DEV, "ec2:osuser": "ubuntu"})],
    ),
    (
        "ssm",
        "SendCommand",
        {"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-1"]},
        [
            ("ssm:SendCommand", f"arn:aws:ssm:{REGION}::document/AWS-RunShellScript", {}),
            ("ssm:SendCommand", f"{EC2}:instance/i-1", {"ssm:resourceTag/gpudesk:stage": "dev"}),
        ],
    ),
    (
        "ssm",
        "SendCommand",
        {"DocumentName": "own", "Targets": [{"Key": "tag:a", "Values": ["b"]}]},
        [("ssm:SendCommand", f"{SSM}:document/own", {}), ("ssm:SendCommand", f"{EC2}:instance/*", {})],
    ),
    (
        "ssm",
        "StartSession",
        {"Target": "i-1"},
        [
            ("ssm:StartSession", f"{EC2}:instance/i-1", {"ssm:resourceTag/gpudesk:stage": "dev"}),
            ("ssm:StartSession", f"{SSM}:document/SSM-SessionManagerRunShell", {}),
        ],
    ),
    (
        "ssm",
        "GetParameters",
        {"Names": ["/gpudesk/key", "/aws/service/x"]},
        [
            ("ssm:GetParameters", f"{SSM}:parameter/gpudesk/key", {}),
            ("ssm:GetParameters", f"arn:aws:ssm:{REGION}::parameter/aws/service/x", {}),
        ],
    ),
    (
        "ssmmessages",
        "OpenDataChannel",
        {"SessionId": "s-1"},
        [("ssmmessages:OpenDataChannel", f"{SSM}:session/s-1", {})],
    ),
    (
        "dynamodb",
        "UpdateItem",
        {
            "TableName": "things",
            "Key": {"id": {"S": "x"}},
            "UpdateExpression": "SET #0 = :0, shape.depth[1] = if_not_exists(shape.depth[1], :1) REMOVE old",
            "ConditionExpression": "attribute_exists (#1) AND NOT contains(notes, :0)",
            "ExpressionAttributeNames": {"#0": "heartbeat", "#1": "id"},
            "ReturnValues": "ALL_NEW",
        },
        [
            (
                "dynamodb:UpdateItem",
                TABLE,
                {
                    "dynamodb:LeadingKeys": ("x",),
                    "dynamodb:Attributes": ("heartbeat", "id", "notes", "old", "shape"),
                    "dynamodb:ReturnValues": "ALL_NEW",
                },
            )
        ],
    ),
    (
        "dynamodb",
        "Query",
        {
            "TableName": TABLE,
            "IndexName": "by-owner",
            "KeyConditionExpression": "#0 = :0 AND #1 < :1",
            "ExpressionAttributeNames": {"#0": "owner", "#1": "at"},
            "ExpressionAttributeValues": {":0": {"S": "ada"}, ":1": {"N": "5"}},
        },
        [
            (
                "dynamodb:Query",
                f"{TABLE}/index/by-owner",
                {"dynamodb:LeadingKeys": ("ada",), "dynamodb:Attributes": ("at", "owner")},
            )
        ],
    ),
    (
        "dynamodb",
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": {"TableName": "things", "Item": {"id": {"S": "x"}}}},
                {"ConditionCheck": {"TableName": "things", "Key": {"id": {"S": "y"}}}},
            ]
        },
        [
            (action, TABLE, {"dynamodb:LeadingKeys": (key,), "dynamodb:EnclosingOperation": "TransactWriteItems"})
            for action, key in (("dynamodb:PutItem", "x"), ("dynamodb:ConditionCheckItem", "y"))
        ],
    ),
    (
        "dynamodb",
        "BatchGetItem",
        {"RequestItems": {"things": {"Keys": [{"id": {"S": "x"}}, {"id": {"N": "5"}}]}}},
        [("dynamodb:BatchGetItem", TABLE, {"dynamodb:LeadingKeys": ("x", "5"), "dynamodb:Attributes": ("id",)})],
    ),
    (
        "dynamodb",
        "BatchWriteItem",
        {"RequestItems": {"things": [{"DeleteRequest": {"Key": {"id": {"S": "x"}}}}]}},
        [("dynamodb:BatchWriteItem", TABLE, {"dynamodb:LeadingKeys": ("x",)})],
    ),
    ("dynamodb", "Scan", {"TableName": "things"}, [("dynamodb:Scan", TABLE, {})]),
    (
        "sns",
        "Subscribe",
        {"TopicArn": TOPIC, "Protocol": "email", "Endpoint": "ada@example.org"},
        [("sns:Subscribe", TOPIC, {"sns:Protocol": "email", "sns:Endpoint": "ada@example.org"})],
    ),
    (
        "events",
        "PutEvents",
        {
            "Entries": [
                {"Source": "a", "DetailType": "b", "Detail": "{}"},
                {"Source": "c", "DetailType": "d", "Detail": "{}", "EventBusName": OTHER_BUS},
            ]
        },
        [
            (
                "events:PutEvents",
                f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default",
                {"events:source": "a", "events:detail-type": "b"},
            ),
            ("events:PutEvents", OTHER_BUS, {"events:source": "c", "events:detail-type": "d"}),
        ],
    ),
    (
        "sqs",
        "SendMessage",
        {"QueueUrl": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/failures", "MessageBody": "{}"},
        [("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures", {})],
    ),
    ("sns", "Publish", {"PhoneNumber": "+49"}, [("sns:Publish", "*", {})]),
    ("sns", "Unsubscribe", {"SubscriptionArn": f"{TOPIC}:0a"}, [("sns:Unsubscribe", TOPIC, {})]),
    (
        "sts",
        "AssumeRole",
        {"RoleArn": ROLE, "RoleSessionName": "ada", "Tags": TAGS},
        [
            (action, ROLE, {**REQUESTED, "sts:RoleSessionName": "ada"})
            for action in ("sts:AssumeRole", "sts:TagSession")
        ],
    ),
    (
        "sts",
        "AssumeRole",
        {"RoleArn": ROLE, "RoleSessionName": "ada"},
        [("sts:AssumeRole", ROLE, {"sts:RoleSessionName": "ada"})],
    ),
    ("sts", "GetCallerIdentity", {}, []),
    (
        "logs",
        "PutLogEvents",
        {"logGroupName": "/x", "logStreamName": "y"},
        [("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/x:log-stream:y", {})],
    ),
    (
        "logs",
        "DescribeLogStreams",
        {"logGroupName": "/x"},
        [("logs:DescribeLogStreams", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/x:log-stream:", {})],
    ),
)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"), CALLS, ids=[f"{row[0]}:{row[1]}" for row in CALLS]
)
def test_call_has_the_access_checks_of_iam(
    service: str, operation: str, parameters: dict[str, Any], expected: list[tuple[str, str, dict[str, Any]]]
) -> None:
    found = list_checks(service, operation, **parameters)
    assert [access_check[:2] for access_check in found] == [access_check[:2] for access_check in expected]
    for (_, _, context), (_, _, wanted) in zip(found, expected, strict=True):
        assert context.items() >= wanted.items()


@pytest.mark.parametrize("operation", ["Scan", "GetItem"])
def test_call_without_a_key_has_no_leading_keys(operation: str) -> None:
    """A condition on leading keys must not hold by accident: the key is missing, not empty."""
    ((_, _, context),) = list_checks("dynamodb", operation, TableName="things")
    assert not context.keys() & {"dynamodb:LeadingKeys", "dynamodb:Attributes"}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a = :a", {"a"}),
        ("#0.#1[2] = :a AND b.c BETWEEN :x AND :y", {"zero", "b"}),
        ("attribute_not_exists(a) OR size(b) > :x", {"a", "b"}),
        ("SET a = list_append(a, :x) ADD b :y DELETE c :z", {"a", "b", "c"}),
        ("a IN (:x, :y)", {"a"}),
        ("SET a=:h-b", {"a", "b"}),
        ("SET a = #0-b", {"a", "zero", "b"}),
    ],
)
def test_attributes_of_an_expression(expression: str, names: set[str]) -> None:
    request = {"ConditionExpression": expression, "ExpressionAttributeNames": {"#0": "zero", "#1": "one"}}
    assert list_attributes(request) == names


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("UpdateItem", {"Key": {"id": {"S": "x"}}, "AttributeUpdates": {"response": {"Value": {"S": "y"}}}}),
        ("DeleteItem", {"Key": {"id": {"S": "x"}}, "Expected": {"response": {"Exists": False}}}),
        ("Query", {"KeyConditions": {"id": {"AttributeValueList": [{"S": "x"}], "ComparisonOperator": "EQ"}}}),
        ("Scan", {"AttributesToGet": ["response"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parameters_before_expressions_are_refused(operation: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(UnknownOperation, match="Use the expressions"):
        list_checks("dynamodb", operation, TableName="things", **parameters)


@pytest.mark.parametrize(("service", "operation"), [("ec2", "RunScheduledInstances"), ("lambda", "Invoke")])
def test_unknown_operation_is_an_error_and_not_a_yes(service: str, operation: str) -> None:
    assert operation not in OPERATIONS.get(service, {})
    with pytest.raises(UnknownOperation, match=f"{service}:{operation}"):
        list_checks(service, operation)

"""Calls and the access checks that IAM makes for them, except those of DynamoDB."""

from typing import Any

from tests.local.aws.iam.access_checks import (
    ACCOUNT,
    DEV,
    EC2,
    OTHER_BUS,
    REGION,
    REQUESTED,
    ROLE,
    SHARED_EC2,
    SSM,
    TAGS,
    TOPIC,
)

ExpectedChecks = tuple[str, str, dict[str, Any], list[tuple[str, str, dict[str, Any]]]]
"""Service, operation, parameters, and the action, the resource and keys of the context of each check."""

CALLS: tuple[ExpectedChecks, ...] = (
    ("ec2", "DescribeInstances", {}, [("ec2:DescribeInstances", "*", {})]),
    (
        "service-quotas",
        "ListServiceQuotas",
        {"ServiceCode": "ec2"},
        [("servicequotas:ListServiceQuotas", "*", {})],
    ),
    (
        "service-quotas",
        "RequestServiceQuotaIncrease",
        {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA", "DesiredValue": 8},
        [
            (
                "servicequotas:RequestServiceQuotaIncrease",
                f"arn:aws:servicequotas:{REGION}:{ACCOUNT}:ec2/L-DB2E81BA",
                {"servicequotas:service": "ec2"},
            ),
            (
                "iam:CreateServiceLinkedRole",
                f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/servicequotas.amazonaws.com/"
                "AWSServiceRoleForServiceQuotas",
                {"iam:AWSServiceName": "servicequotas.amazonaws.com"},
            ),
        ],
    ),
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
        "CopyImage",
        {
            "SourceRegion": "us-west-2",
            "SourceImageId": "ami-1",
            "Name": "copy",
            "TagSpecifications": [{"ResourceType": "image", "Tags": TAGS}],
        },
        [
            ("ec2:CopyImage", "arn:aws:ec2:us-west-2::image/ami-1", {}),
            ("ec2:CopyImage", f"{SHARED_EC2}:image/*", REQUESTED),
            ("ec2:CreateTags", f"{SHARED_EC2}:image/*", {**REQUESTED, "ec2:CreateAction": "CopyImage"}),
            ("ec2:CopyImage", f"{SHARED_EC2}:snapshot/*", {}),
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
        "ec2",
        "DescribeInstanceAttribute",
        {"InstanceId": "i-1", "Attribute": "disableApiStop"},
        [("ec2:DescribeInstanceAttribute", f"{EC2}:instance/i-1", {**DEV, "ec2:Attribute": "DisableApiStop"})],
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

"""Attacks on instances: what EC2, SSM and STS let an attacker do with them."""

from collections.abc import Mapping
from typing import Any

import boto3

from chalicelib.aws.tags import ID_TAG, STAGE_TAG
from local.aws.sts.role_sessions import SessionRequest, build_role_session, find_role
from local.settings import ACCOUNT, HOME_REGION
from tests.deploy.attacks import FOREIGN_ROLES, SESSION_NAME, Attacker, Target, is_allowed, join_names
from tests.local.aws.conftest import UBUNTU


def list_instance_calls(attacker: Attacker, target: Target) -> str:
    """Return what the attacker can do with instances. No attacker can reach instances outside the stage."""
    attempts = {
        title: [
            instance for instance in (*target.in_stage, *target.outside_stage) if _can_do(attacker, title, instance)
        ]
        for title in ("start", "stop", "terminate", "resize", "image", "commands")
    }
    reached = [title for title, instances in attempts.items() if instances]
    assert all(tuple(instances) in ((), target.in_stage) for instances in attempts.values()), attempts
    for instance in (*target.in_stage, *target.outside_stage):
        assert not attacker.can("ec2", "CreateTags", Resources=[instance], Tags=[{"Key": STAGE_TAG, "Value": "dev"}])
        assert not attacker.can("ec2", "DeleteTags", Resources=[instance], Tags=[{"Key": STAGE_TAG, "Value": "dev"}])
        assert not attacker.can("ec2", "ModifyInstanceAttribute", InstanceId=instance, UserData={"Value": b"x"})
    for role in FOREIGN_ROLES:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        assert not attacker.can("sts", "AssumeRole", RoleArn=arn, RoleSessionName="x")
    launches = ["launch"] if _can_launch(attacker) else []
    sessions = _find_sessions(attacker, target)
    tags = ["tags of an instance to adopt"] if can_adopt(attacker, target.adoptable) else []
    return join_names([*launches, *reached, *tags, *([sessions] if sessions else [])])


def can_adopt(attacker: Attacker, instance: str, **more_tags: str) -> bool:
    """Return whether the attacker can give gpudesk's tags, and more, to an instance."""
    tags = {ID_TAG: "gd-1", STAGE_TAG: attacker.names.settings.stage, **more_tags}
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return attacker.can("ec2", "CreateTags", Resources=[instance], Tags=pairs)


def _can_do(attacker: Attacker, title: str, instance: str) -> bool:
    calls: Mapping[str, tuple[str, str, dict[str, Any]]] = {
        "start": ("ec2", "StartInstances", {"InstanceIds": [instance]}),
        "stop": ("ec2", "StopInstances", {"InstanceIds": [instance]}),
        "terminate": ("ec2", "TerminateInstances", {"InstanceIds": [instance]}),
        "resize": (
            "ec2",
            "ModifyInstanceAttribute",
            {"InstanceId": instance, "InstanceType": {"Value": "g4dn.2xlarge"}},
        ),
        "image": (
            "ec2",
            "CreateImage",
            {
                "InstanceId": instance,
                "TagSpecifications": [
                    {"ResourceType": kind, "Tags": [{"Key": STAGE_TAG, "Value": attacker.names.settings.stage}]}
                    for kind in ("image", "snapshot")
                ],
            },
        ),
        "commands": (
            "ssm",
            "SendCommand",
            {"DocumentName": attacker.names.document("gpudesk-probe"), "InstanceIds": [instance]},
        ),
    }
    service, operation, parameters = calls[title]
    return attacker.can(service, operation, **parameters)


def build_launch(attacker: Attacker, **changes: Any) -> dict[str, Any]:
    """Return the launch that gpudesk makes, with changes."""
    ec2, stage = boto3.client("ec2", HOME_REGION), attacker.names.settings.stage
    filters: Any = [{"Name": "group-name", "Values": [attacker.names.security_group]}]
    group = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    image = boto3.client("ssm", HOME_REGION).get_parameter(Name=UBUNTU)["Parameter"]["Value"]
    return {
        "ImageId": image,
        "InstanceType": "g4dn.xlarge",
        "IamInstanceProfile": {"Name": attacker.names.role("instance")},
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 64, "Encrypted": True}}],
        "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group]}],
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": [{"Key": STAGE_TAG, "Value": stage}]}
            for kind in ("instance", "volume", "network-interface")
        ],
        **changes,
    }


def _can_launch(attacker: Attacker) -> bool:
    return attacker.can("ec2", "RunInstances", **build_launch(attacker))


def _find_sessions(attacker: Attacker, target: Target) -> str:
    """Return `sessions` if the attacker can start sessions on all instances of the stage, `own session` for one.

    An instance may open data channels, because its agent does so. SSM also requires the token of the session, which an
    attacker on the instance does not have.
    """
    document = attacker.names.document("gpudesk-shell")
    for instance in (*target.in_stage, *target.outside_stage):
        assert not attacker.can("ssm", "StartSession", Target=instance, DocumentName=document)
        assert not attacker.can("ssm", "StartSession", Target=instance)
    for instance in target.outside_stage:
        assert not attacker.can(
            "ec2-instance-connect", "SendSSHPublicKey", InstanceId=instance, InstanceOSUser="ubuntu"
        )
    assert not attacker.can("ec2-instance-connect", "SendSSHPublicKey", InstanceId=target.own, InstanceOSUser="root")
    if attacker.can("ssm", "ResumeSession", SessionId=target.session_id):
        for service, operation in (("ssmmessages", "OpenDataChannel"), ("ssm", "ResumeSession")):
            assert attacker.can(service, operation, SessionId=target.session_id)
            assert not attacker.can(service, operation, SessionId=f"{target.session_id}0")
        return "own session"
    arn = attacker.names.role_arn("session")
    tags = [{"Key": ID_TAG, "Value": target.own_id}]
    if not attacker.can("sts", "AssumeRole", RoleArn=arn, RoleSessionName=SESSION_NAME, Tags=tags):
        return ""
    assert not attacker.can("sts", "AssumeRole", RoleArn=arn, RoleSessionName=SESSION_NAME)
    opened = build_role_session(find_role(arn), SESSION_NAME, SessionRequest(tags={ID_TAG: target.own_id}))
    reached = [
        instance
        for instance in (*target.in_stage, *target.outside_stage)
        if is_allowed(attacker.cloud, opened, "ssm", "StartSession", {"Target": instance, "DocumentName": document})
    ]
    assert reached == [target.own], "the tag binds the credentials to one instance"
    return "sessions"

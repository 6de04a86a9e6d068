"""Permissions that the scenarios do not use: mails and webhooks of each role, heartbeats, and those of people."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib import bootstrap
from chalicelib.control.application import Application
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTE
from chalicelib.store.heartbeats import HeartbeatModel
from deploy.policies import POLICIES
from local.aws.iam.attribution import InstanceRole, act_as
from local.aws.iam.evaluator import IamRequest, Policies, decide
from local.aws.iam.policies import parse_policy
from local.aws.iam.principals import Principal
from local.aws.iam.usage import record_use
from local.demo.webhook_receiver import WebhookReceiver
from local.plugin.signing import SigningKey
from local.settings import ACCOUNT, HOME_REGION, build_local_names
from tests.local.aws.sessions import TRUST_POLICY, create_client
from tests.support.world import ADMIN, World, get_ec2_id, open_world

NAMES = build_local_names()
ADDRESS = "root@example.org"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGvRsuRYmNXOyMqkRfIVFnh7EDpvCP8TrfuIjXQxKSNk"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world() as world:
        yield world


@pytest.fixture(scope="module")
def ec2_id(world: World) -> str:
    return get_ec2_id(world.launch_until_ready(name="first"))


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver()
    yield receiver
    receiver.stop()


def build_application(world: World) -> Application:
    """Return another application, which has not read the key of the webhooks yet."""
    return bootstrap.build_application(world.clock, world.application.settings)


def set_admin_channels(world: World, channels: Channels) -> None:
    store = world.application.reconciler.stores.desk
    store.save_settings(replace(store.get_settings(), channels=channels))


def let_sweep_be_overdue(world: World) -> None:
    world.application.sweep.run()
    world.clock.advance(timedelta(minutes=20))


def test_watchdog_delivers_mails_and_webhooks_itself(world: World, receiver: WebhookReceiver) -> None:
    url = receiver.start()
    set_admin_channels(world, Channels(email=ADDRESS, webhook=url, webhook_generation=1))
    watchdog = build_application(world).sweep_watchdog
    let_sweep_be_overdue(world)
    assert watchdog.check()
    world.confirm_email(ADDRESS)
    let_sweep_be_overdue(world)
    assert watchdog.check()
    assert [mail.subject for mail in world.cloud.mailbox.list_mails(ADDRESS)][1:]
    assert len(receiver.list_messages("sweep_overdue")) == 2
    set_admin_channels(world, Channels())


def test_notifications_are_signed_with_the_webhook_key(world: World, receiver: WebhookReceiver) -> None:
    owners = world.application.reconciler.stores.owners
    owners.save(replace(owners.get("ada"), channels=Channels(webhook=receiver.start(), webhook_generation=1)))
    world.launch_until_ready(name="second")
    build_application(world).notifications.run()
    world.pass_minutes(2)
    assert receiver.list_messages()


def test_list_of_instances_reads_their_heartbeats_at_once(world: World, ec2_id: str) -> None:
    assert world.application.queries.list_instances(ADMIN, owner=None, limit=10, cursor=None).items


def send_heartbeat(key: str, attribute: str, ec2_id: str) -> None:
    """Write an attribute of a heartbeat item with the credentials of an instance."""
    dynamodb: Any = boto3.client("dynamodb", HOME_REGION)
    with act_as(InstanceRole(ec2_id)):
        dynamodb.update_item(
            TableName=HeartbeatModel.Meta.table_name,
            Key={"id": {"S": key}},
            UpdateExpression="SET #0 = :0",
            ConditionExpression="attribute_exists(id)",
            ExpressionAttributeNames={"#0": attribute},
            ExpressionAttributeValues={":0": {"S": "{}"}},
            ReturnValues="ALL_NEW",
        )


def test_instance_writes_only_the_heartbeat_of_its_own_item(world: World, ec2_id: str) -> None:
    role_id = world.application.settings.instance_role_id
    send_heartbeat(f"{role_id}:{ec2_id}", HEARTBEAT_ATTRIBUTE, ec2_id)
    for key, attribute in ((f"{role_id}:i-0", HEARTBEAT_ATTRIBUTE), (f"{role_id}:{ec2_id}", "response")):
        with pytest.raises(ClientError, match="AccessDenied"):
            send_heartbeat(key, attribute, ec2_id)
    assert len(world.cloud.enforcement.denials) == 2
    world.cloud.enforcement.denials.clear()


def test_people_start_resume_and_end_their_own_sessions(world: World, ec2_id: str) -> None:
    iam: Any = boto3.client("iam")
    name = NAMES.role("people")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_POLICY))
    policy = json.dumps(POLICIES["people"](NAMES).to_policy())
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=policy)
    arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    found = boto3.client("sts", HOME_REGION).assume_role(RoleArn=arn, RoleSessionName="ada")["Credentials"]
    key = SigningKey(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    ssm, connect = create_client("ssm", key), create_client("ec2-instance-connect", key)
    session = ssm.start_session(
        Target=ec2_id, DocumentName="AWS-StartPortForwardingSession", Parameters={"portNumber": ["8888"]}
    )["SessionId"]
    ssm.resume_session(SessionId=session)
    ssm.terminate_session(SessionId=session)
    connect.send_ssh_public_key(InstanceId=ec2_id, InstanceOSUser="ubuntu", SSHPublicKey=KEY)


@pytest.mark.parametrize(("session", "is_allowed"), [("ada-0123456789abcdef0", True), ("bob-0123456789abcdef0", False)])
def test_user_opens_only_the_channels_of_their_own_sessions(session: str, is_allowed: bool) -> None:
    """The id of a session of an IAM user begins with the name of the user.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
    """
    user = Principal(arn=f"arn:aws:iam::{ACCOUNT}:user/ada", account=ACCOUNT)
    resource = NAMES.arn("ssm", f"session/{session}", region=HOME_REGION)
    context = {"aws:username": "ada", "aws:userid": "AIDA0123456789ABCDEF0"}
    policy = parse_policy(POLICIES["people"](NAMES).to_policy())
    request = IamRequest("ssmmessages:OpenDataChannel", resource, context, user)
    decision = decide(Policies(identity=(policy,)), request)
    assert decision.is_allowed is is_allowed
    record_use(NAMES.role("people"), decision.statements, request.action, resource)

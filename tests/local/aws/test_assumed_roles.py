"""AssumeRole of the local cloud, and what its credentials may do."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.domain.sessions.policies import build_channel_policy, build_start_policy
from local.aws.core.local_cloud import LocalCloud
from local.aws.iam.errors import UnknownOperation
from local.clock import ManualClock
from tests.local.aws.conftest import ONCE, get_error
from tests.local.aws.sessions import (
    DOCUMENT,
    PORTS,
    REGION,
    ROLE,
    SESSION_NAME,
    assume,
    assume_for_laptop,
    create_client,
    create_session_role,
    start_session,
)

OTHER_NAME = "bob-0123456789abcdef"
INSTANCE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(autouse=True)
def role(cloud: LocalCloud) -> None:
    create_session_role()


@pytest.fixture
def instances(ready: Callable[[], str], clock: ManualClock) -> tuple[str, str]:
    found = ready(), ready()
    clock.advance(timedelta(seconds=5))
    return found


def test_user_id_is_the_same_everywhere() -> None:
    response = boto3.client("sts", REGION).assume_role(RoleArn=ROLE.text, RoleSessionName=SESSION_NAME)
    role_id = boto3.client("iam", REGION).get_role(RoleName="session-role")["Role"]["RoleId"]
    assert response["AssumedRoleUser"]["AssumedRoleId"] == f"{role_id}:{SESSION_NAME}"
    assert create_client("sts", assume()).get_caller_identity()["UserId"] == f"{role_id}:{SESSION_NAME}"


def test_unknown_role_and_role_of_a_service_are_refused() -> None:
    iam = boto3.client("iam", REGION)
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument=json.dumps(INSTANCE_TRUST))
    sts = boto3.client("sts", REGION, config=ONCE)
    for name in ("machine", "no-such"):
        arn = f"arn:aws:iam::123456789012:role/{name}"
        assert get_error(sts.assume_role, RoleArn=arn, RoleSessionName="ada") == ("AccessDenied", 403)


@pytest.mark.parametrize(
    "wrong",
    [
        {"RoleSessionName": "ada lovelace"},
        {"RoleSessionName": "a" * 65},
        {"DurationSeconds": 3601},
        {"Policy": " " * 2049},
    ],
    ids=["space", "length", "chained role", "long policy"],
)
def test_parameters_that_sts_refuses_are_refused(wrong: dict[str, Any]) -> None:
    sts = boto3.client("sts", REGION, config=ONCE)
    arguments = {"RoleArn": ROLE.text, "RoleSessionName": SESSION_NAME, **wrong}
    assert get_error(sts.assume_role, **arguments)[0] == "ValidationError"


def test_credentials_expire_on_the_clouds_clock(clock: ManualClock) -> None:
    ec2 = create_client("ec2", assume(DurationSeconds=900))
    clock.advance(timedelta(seconds=899))
    ec2.describe_instances()
    clock.advance(timedelta(seconds=1))
    assert get_error(ec2.describe_instances)[0] == "ExpiredTokenException"


def test_starting_credentials_allow_one_instance_and_document(instances: tuple[str, str]) -> None:
    mine, other = instances
    foreign = build_start_policy(ROLE, OTHER_NAME, REGION, other, DOCUMENT)
    session_of_another = create_client("ssm", assume(foreign, name=OTHER_NAME)).start_session(
        Target=other, DocumentName=DOCUMENT, Parameters=PORTS
    )["SessionId"]
    key = assume(build_start_policy(ROLE, SESSION_NAME, REGION, mine, DOCUMENT))
    ssm = create_client("ssm", key)
    session_id = ssm.start_session(Target=mine, DocumentName=DOCUMENT, Parameters=PORTS)["SessionId"]
    assert session_id.startswith(f"{SESSION_NAME}-")
    denied: list[tuple[Any, dict[str, Any]]] = [
        (ssm.start_session, {"Target": other, "DocumentName": DOCUMENT, "Parameters": PORTS}),
        (ssm.start_session, {"Target": mine, "DocumentName": "AWS-StartSSHSession"}),
        (ssm.start_session, {"Target": mine}),
        (ssm.resume_session, {"SessionId": session_id}),
        (ssm.terminate_session, {"SessionId": session_of_another}),
        (ssm.describe_sessions, {"State": "Active"}),
    ]
    for call, arguments in denied:
        assert get_error(call, **arguments) == ("AccessDeniedException", 403)
    assert get_error(create_client("ec2", key).describe_instances) == ("UnauthorizedOperation", 403)
    ssm.terminate_session(SessionId=session_id)


def test_credentials_of_the_laptop_allow_one_session_and_no_start(instances: tuple[str, str]) -> None:
    mine, other = instances
    first, second = start_session(mine), start_session(other)
    ssm = create_client("ssm", assume_for_laptop(first["SessionId"]))
    denied: list[tuple[Any, dict[str, Any]]] = [
        (ssm.start_session, {"Target": mine, "DocumentName": DOCUMENT, "Parameters": PORTS}),
        (ssm.resume_session, {"SessionId": second["SessionId"]}),
        (ssm.terminate_session, {"SessionId": second["SessionId"]}),
        (ssm.list_documents, {}),
    ]
    for call, arguments in denied:
        assert get_error(call, **arguments) == ("AccessDeniedException", 403)
    assert ssm.resume_session(SessionId=first["SessionId"])["TokenValue"] != first["TokenValue"]
    ssm.terminate_session(SessionId=first["SessionId"])


def test_another_role_session_name_is_another_identity(instances: tuple[str, str]) -> None:
    session_id = start_session(instances[0])["SessionId"]
    policy = build_channel_policy(ROLE, REGION, session_id)
    ssm = create_client("ssm", assume(policy, name=OTHER_NAME))
    assert get_error(ssm.resume_session, SessionId=session_id) == ("AccessDeniedException", 403)


def test_role_policy_bounds_the_session_policy(instances: tuple[str, str]) -> None:
    allow = {"Effect": "Allow", "Action": "ssm:DescribeSessions", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    boto3.client("iam", REGION).put_role_policy(RoleName="session-role", PolicyName="all", PolicyDocument=document)
    ssm = create_client("ssm", assume(build_start_policy(ROLE, SESSION_NAME, REGION, instances[0], DOCUMENT)))
    refused = get_error(ssm.start_session, Target=instances[0], DocumentName=DOCUMENT, Parameters=PORTS)
    assert refused == ("AccessDeniedException", 403)


def test_role_is_limited_in_every_service() -> None:
    document = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    key = assume(json.dumps({"Version": "2012-10-17", "Statement": [document]}))
    assert get_error(create_client("logs", key).describe_log_groups)[0] == "AccessDeniedException"
    with pytest.raises(UnknownOperation, match="sqs:ListQueues"):
        create_client("sqs", key).list_queues()

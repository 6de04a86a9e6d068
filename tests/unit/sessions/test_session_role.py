"""The names, policies and time limits of session credentials."""

import json

import pytest

from chalicelib.domain.sessions.policies import (
    MAX_POLICY_LENGTH,
    PolicyTooLong,
    build_channel_policy,
    build_start_policy,
)
from chalicelib.domain.sessions.role import (
    InvalidRoleArn,
    RoleArn,
    build_role_session_name,
    find_role_session_name,
    is_started_by,
)

ROLE = RoleArn.parse("arn:aws-cn:iam::123456789012:role/gpudesk-dev-session")
RANDOM = "0123456789abcdef"
LONGEST_ID = "a" * 96


def test_start_policy_names_one_instance_and_one_document_and_can_end_its_session() -> None:
    text = build_start_policy(ROLE, f"ada-{RANDOM}", "cn-north-1", "i-0a", "gpudesk-port")
    start, end = json.loads(text)["Statement"]
    assert end["Action"] == ["ssm:TerminateSession"]
    assert end["Resource"] == [f"arn:aws-cn:ssm:cn-north-1:123456789012:session/ada-{RANDOM}-*"]
    assert start == {
        "Effect": "Allow",
        "Action": ["ssm:StartSession"],
        "Resource": [
            "arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-0a",
            "arn:aws-cn:ssm:cn-north-1:123456789012:document/gpudesk-port",
        ],
    }


def test_channel_policy_names_one_session_literally() -> None:
    text = build_channel_policy(ROLE, "cn-north-1", LONGEST_ID)
    (statement,) = json.loads(text)["Statement"]
    assert statement["Resource"] == [f"arn:aws-cn:ssm:cn-north-1:123456789012:session/{LONGEST_ID}"]
    assert sorted(statement["Action"]) == ["ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel"]
    assert len(text) <= MAX_POLICY_LENGTH
    with pytest.raises(PolicyTooLong):
        build_channel_policy(ROLE, "cn-north-1", "a" * MAX_POLICY_LENGTH)


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        ("ada", f"ada-{RANDOM}"),
        ("ada.l+x@example.org", f"ada.l+x@example.org-{RANDOM}"),
        ("slack for ada", f"slack-for-ada-{RANDOM}"),
        ("a" * 64, f"{'a' * 40}-{RANDOM}"),
    ],
)
def test_role_session_name_identifies_the_caller_and_one_session(caller: str, name: str) -> None:
    assert build_role_session_name(caller, RANDOM) == name
    assert len(name) <= 64
    session_id = f"{name}-0a1b2c3d4e5f60718"
    assert is_started_by(session_id, caller)
    assert find_role_session_name(session_id) == name


@pytest.mark.parametrize(
    "session_id", [f"bob-{RANDOM}-00", f"ada-x-{RANDOM}-00", f"ada-{RANDOM}", "ada-00", "ada", f"xada-{RANDOM}-00"]
)
def test_session_of_somebody_else_is_not_started_by_the_caller(session_id: str) -> None:
    assert not is_started_by(session_id, "ada")


@pytest.mark.parametrize("text", ["", "gpudesk-session", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:user/x"])
def test_text_that_is_no_role_arn_is_refused(text: str) -> None:
    with pytest.raises(InvalidRoleArn):
        RoleArn.parse(text)

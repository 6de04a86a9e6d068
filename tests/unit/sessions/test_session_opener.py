"""The AWS calls that open a session: tries, time and the errors that a person sees."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.aws.session_manager import Session
from chalicelib.control.services.session_opener import SessionOpener, Target
from chalicelib.domain.common.aws_errors import (
    AgentNotConnected,
    AwsError,
    AwsForbidden,
    PermanentAwsError,
    TransientAwsError,
)
from chalicelib.domain.common.errors import UpstreamError, UpstreamUnavailable
from chalicelib.domain.sessions.role import Credentials, RoleArn
from chalicelib.domain.sessions.session import SessionKind, SessionPlan
from chalicelib.domain.sessions.time_limit import MAX_TIMEOUT

TARGET = Target("brave-otter", "us-east-1", "i-0a", "gd-1")
PLAN = SessionPlan(kind=SessionKind.SHELL, document="gpudesk-shell")
ROLE = RoleArn.parse("arn:aws:iam::123456789012:role/gpudesk-dev-session")
NOT_CONNECTED = AgentNotConnected("TargetNotConnected", "i-0a is not connected.")


class FakeTimer:
    """Timer that only `sleep` and calls advance."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeAws:
    """STS and Session Manager.

    :param failures: errors of the first calls of StartSession
    :param call_seconds: duration of each call
    """

    def __init__(self, timer: FakeTimer, failures: tuple[AwsError, ...], call_seconds: float) -> None:
        self.calls: list[str] = []
        self.policies: list[str] = []
        self.names: set[str] = set()
        self._timer = timer
        self._failures = list(failures)
        self._call_seconds = call_seconds

    def assume_role(
        self, role_arn: str, session_name: str, policy: str, valid_for: object, tags: Mapping[str, str]
    ) -> Credentials:
        self._record("AssumeRole")
        self.policies.append(policy)
        assert tags == {"gpudesk:id": "gd-1"}
        self.names.add(session_name)
        return Credentials(f"ASIA{len(self.policies)}", "secret", "token", datetime(2030, 1, 5, tzinfo=UTC))

    def start_session(
        self, region: str, instance_id: str, plan: SessionPlan, credentials: Credentials, *, reason: str
    ) -> Session:
        self._record("StartSession")
        assert (credentials.access_key_id, reason) == ("ASIA1", "ada at gpudesk")
        if self._failures:
            raise self._failures.pop(0)
        (name,) = self.names
        return Session(f"{name}-00", "wss://x", "token", "https://ssm")

    def terminate_session(self, region: str, session_id: str, credentials: Credentials) -> None:
        self._record("TerminateSession")
        assert credentials.access_key_id == "ASIA1"

    def _record(self, name: str) -> None:
        self.calls.append(name)
        self._timer.now += self._call_seconds


def build(*failures: AwsError, call_seconds: float = 0.1) -> tuple[Callable[[], Any], FakeAws, FakeTimer]:
    timer = FakeTimer()
    aws: Any = FakeAws(timer, failures, call_seconds)
    nothing: Any = None
    opener = SessionOpener(
        ec2=nothing, sts=aws, session_manager=aws, instance_connect=nothing, role=ROLE, stage="dev", timer=timer
    )
    return lambda: opener.open(opener.begin(), TARGET, PLAN, "ada"), aws, timer


def test_credentials_that_are_handed_out_cannot_start_a_session() -> None:
    open_session, aws, _ = build()
    session, credentials = open_session()
    assert credentials.access_key_id == "ASIA2"
    assert aws.calls == ["AssumeRole", "StartSession", "AssumeRole"]
    starting, handed_out = aws.policies
    assert "ssm:StartSession" in starting
    assert "document/gpudesk-dev-shell" in starting
    assert "StartSession" not in handed_out
    assert f"session/{session.session_id}" in handed_out


def test_agent_that_connects_late_is_tried_again() -> None:
    open_session, aws, timer = build(NOT_CONNECTED, NOT_CONNECTED)
    open_session()
    assert aws.calls.count("StartSession") == 3
    assert timer.now - 100 < 8


@pytest.mark.parametrize("call_seconds", [0.1, 1.0, 2.9])
def test_agent_that_stays_unconnected_is_unavailable_within_the_time(call_seconds: float) -> None:
    open_session, _, timer = build(*[NOT_CONNECTED] * 9, call_seconds=call_seconds)
    with pytest.raises(UpstreamUnavailable, match=r"agent is not connected.*Try again"):
        open_session()
    assert timer.now - 100 <= 8


def test_slow_calls_end_within_the_time() -> None:
    open_session, aws, timer = build(call_seconds=3.0)
    with pytest.raises(UpstreamUnavailable, match="within 8 s"):
        open_session()
    assert timer.now - 100 <= MAX_TIMEOUT
    assert aws.calls == ["AssumeRole", "StartSession", "TerminateSession"]


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (TransientAwsError("ThrottlingException", "Rate exceeded"), UpstreamUnavailable, "ThrottlingException"),
        (TransientAwsError("InternalServerError", "x"), UpstreamUnavailable, "InternalServerError"),
        (AwsForbidden("AccessDeniedException", "x"), UpstreamError, "An admin must check its roles"),
        (PermanentAwsError("InvalidDocument", "x"), UpstreamError, "InvalidDocument"),
    ],
)
def test_refused_call_says_who_can_do_what(error: AwsError, expected: type[UpstreamError], text: str) -> None:
    open_session, aws, _ = build(error)
    with pytest.raises(UpstreamError, match=text) as raised:
        open_session()
    assert type(raised.value) is expected
    assert raised.value.message.startswith("AWS did not open a session on brave-otter: ")
    assert aws.calls.count("StartSession") == 1


def test_secrets_are_not_in_a_representation() -> None:
    open_session, _, _ = build()
    session, credentials = open_session()
    assert "secret" not in repr(credentials)
    assert "token" not in repr((session, credentials)).replace("session_token", "")

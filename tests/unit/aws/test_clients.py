"""The clients of gpudesk come from its own SDK session, one for each service and region."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from chalicelib.aws import clients as module
from chalicelib.aws.clients import SdkSession, build_client_sets
from chalicelib.domain.sessions.role import Credentials

CREDENTIALS = Credentials("ASIA1", "secret", "token", datetime(2030, 1, 5, tzinfo=UTC))


def test_clients_do_not_change_the_default_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    clients = build_client_sets().loop
    assert clients.ssm("us-east-1") is clients.ssm("us-east-1")
    assert clients.create_ssm("us-east-1", CREDENTIALS) is not clients.ssm("us-east-1")
    assert boto3.DEFAULT_SESSION is None


def test_every_client_parses_times_itself_whoever_created_one_before() -> None:
    boto3.client("ssm", "us-east-1")
    clients = build_client_sets(SdkSession()).session
    made: list[Any] = [clients.create_ssm("us-east-1", CREDENTIALS), clients.ssm("us-east-1")]
    parsers = [each._endpoint._response_parser_factory.create_parser("json") for each in made]
    assert [parser._timestamp_parser for parser in parsers] == [module.parse_time] * 2


def test_timeouts_depend_on_who_waits() -> None:
    sets = build_client_sets(loop_config=module.build_config(900, 900))
    made: list[Any] = [each.sts("us-east-1") for each in (sets.loop, sets.request, sets.session)]
    timeouts = [each.meta.config.read_timeout for each in made]
    assert timeouts == [900, 1, 2]

"""Timeouts and retries of table calls, and the deadline of a request."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pynamodb.exceptions import GetError

from chalicelib.api.route import REQUEST_TIMEOUT_SECONDS
from chalicelib.store.connections import (
    REQUEST_CONNECT_TIMEOUT_SECONDS,
    REQUEST_READ_TIMEOUT_SECONDS,
    DeadlineExceeded,
    get_connection,
    limit_request_time,
)
from chalicelib.store.desk import DeskRepository
from chalicelib.store.dynamo import begin_transaction, is_overload
from chalicelib.store.tables import TABLES, connect_tables, create_tables, reset_endpoint
from chalicelib.store.tokens import TokenModel
from local.aws.core.testing import in_process_cloud


def read_limits(client: Any) -> tuple[float, float, int]:
    """Return connect timeout, read timeout and number of attempts."""
    config = client.meta.config
    return config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]


@pytest.fixture(autouse=True)
def connected() -> Iterator[None]:
    connect_tables("us-east-1", "gpudesk")
    yield
    connect_tables("us-east-1", "gpudesk")


def test_tables_are_those_of_the_deployment() -> None:
    connect_tables("eu-west-1", "team")
    assert {model._get_connection().table_name.partition("-")[0] for model in TABLES} == {"team"}
    assert {model.Meta.region for model in TABLES} == {get_connection().region} == {"eu-west-1"}


def test_all_tables_and_transactions_share_one_connection() -> None:
    with in_process_cloud():
        assert {model._get_connection().connection for model in TABLES} == {get_connection()}
        assert begin_transaction()._connection is get_connection()


def test_calls_of_request_have_short_timeouts_and_no_retries() -> None:
    with in_process_cloud(), limit_request_time(REQUEST_TIMEOUT_SECONDS):
        assert read_limits(get_connection().client) == (0.3, 1.0, 1)


def test_calls_of_loop_have_longer_timeouts_and_no_retries() -> None:
    with in_process_cloud():
        assert read_limits(get_connection().client) == (1.0, 5.0, 1)


def test_call_that_could_end_after_deadline_is_not_made() -> None:
    with in_process_cloud() as cloud:
        create_tables("us-east-1", "gpudesk")
        before = cloud.calls.copy()
        with (
            limit_request_time(REQUEST_READ_TIMEOUT_SECONDS + REQUEST_CONNECT_TIMEOUT_SECONDS / 2),
            pytest.raises(DeadlineExceeded) as late,
        ):
            DeskRepository("us-east-1").get_settings()
        assert is_overload(late.value)
        assert not cloud.count_calls_since(before)
        DeskRepository("us-east-1").get_settings()


@pytest.fixture
def silent_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server in place of AWS that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
            monkeypatch.setenv(name, value)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        reset_endpoint(url)
        yield
        reset_endpoint(None)


@pytest.mark.usefixtures("silent_endpoint")
def test_hanging_table_ends_a_request_before_its_deadline() -> None:
    # Only this test waits for a real socket: for one read timeout, without using the CPU.
    with limit_request_time(REQUEST_TIMEOUT_SECONDS):
        assert get_connection().client
        started_at = time.monotonic()
        with pytest.raises(GetError) as hung:
            TokenModel.get("unknown")
    assert is_overload(hung.value)
    assert time.monotonic() - started_at < REQUEST_TIMEOUT_SECONDS

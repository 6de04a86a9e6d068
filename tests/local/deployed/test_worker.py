"""Asynchronous invocations are repeated and expire as the configuration of the function says."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws

from deploy.functions import EVENT_AGE_SECONDS
from local.deployed.errors import FunctionFailed
from local.deployed.function import Function, FunctionSpec
from local.deployed.worker import InvokeConfig, Worker

SPEC = FunctionSpec(
    name="sweep",
    arn="arn:aws:lambda:us-east-1:1:function:sweep",
    role="arn:aws:iam::1:role/sweep",
    handler="",
    timeout_seconds=1,
    memory_mib=1,
)


class FailingFunction:
    """Function that fails a number of times."""

    def __init__(self, failures: int) -> None:
        self.spec = SPEC
        self.events: list[Mapping[str, Any]] = []
        self._failures = failures

    def invoke(self, event: Mapping[str, Any]) -> None:
        self.events.append(event)
        if len(self.events) <= self._failures:
            raise FunctionFailed("sweep", "KeyError", "")


def run(function: FailingFunction, config: InvokeConfig, *events: Mapping[str, Any]) -> None:
    """Invoke the function with all events and wait for the last one."""
    worker = Worker(cast("Function", function), config)
    for event in events:
        worker.invoke_later(event)
    is_done = threading.Event()
    worker.submit(is_done.set)
    assert is_done.wait(10)
    worker.stop()


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == SPEC.name]


def test_failed_event_is_repeated_as_often_as_configured() -> None:
    function = FailingFunction(failures=9)
    run(function, InvokeConfig(max_retries=2), {"id": 1}, {"id": 2})
    assert function.events == [{"id": 1}] * 3 + [{"id": 2}] * 3


@pytest.mark.parametrize(("failures", "messages"), [(9, 1), (0, 0)])
def test_event_that_is_given_up_goes_to_the_failure_queue(failures: int, messages: int) -> None:
    with mock_aws():
        sqs = boto3.client("sqs", "us-east-1")
        url = sqs.create_queue(QueueName="failures")["QueueUrl"]
        config = InvokeConfig(max_retries=0, failure_queue="arn:aws:sqs:us-east-1:123456789012:failures")
        run(FailingFunction(failures), config, {"id": 1})
        assert [
            json.loads(each["Body"])["event"] for each in sqs.receive_message(QueueUrl=url).get("Messages", [])
        ] == [{"id": 1}] * messages


def test_event_that_succeeds_is_not_repeated() -> None:
    function = FailingFunction(failures=1)
    run(function, InvokeConfig(max_retries=2), {"id": 1}, {"id": 2})
    assert function.events == [{"id": 1}, {"id": 1}, {"id": 2}]


@pytest.mark.parametrize(("age", "calls"), [(60, 1), (EVENT_AGE_SECONDS, 2)])
def test_wait_before_a_retry_counts_for_the_age_of_the_event(age: float, calls: int) -> None:
    function = FailingFunction(failures=9)
    run(function, InvokeConfig(max_retries=1, max_age_seconds=age), {"id": 1})
    assert function.events == [{"id": 1}] * calls


def test_old_event_is_dropped() -> None:
    function = FailingFunction(failures=0)
    run(function, InvokeConfig(max_age_seconds=-1), {"id": 1})
    assert function.events == []

"""Lambda's queue of asynchronous invocations: one thread for each function, with retries and a limit of the age.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from local.deployed.errors import FunctionFailed
from local.deployed.failure_queue import send_failure
from local.deployed.function import Function

logger = logging.getLogger(__name__)

DEFAULT_RETRIES, DEFAULT_AGE_SECONDS = 2, 6 * 3600.0
"""Lambda's own, for a function without a configuration."""

RETRY_WAITS = (60.0, 120.0)
"""Seconds for which Lambda waits before the first and the second retry. Here they only count for the event's age."""

Job = Callable[[], None]


@dataclass(frozen=True)
class InvokeConfig:
    """How Lambda repeats asynchronous invocations of a function.

    :param max_age_seconds: real seconds: functions take real time, on whatever clock the cloud runs
    :param failure_queue: ARN of the queue for events that were given up; empty: there is none
    """

    max_retries: int = DEFAULT_RETRIES
    max_age_seconds: float = DEFAULT_AGE_SECONDS
    failure_queue: str = ""


def read_invoke_config(function: Function) -> InvokeConfig:
    """Return the configuration that the template gave a function."""
    client = boto3.client("lambda", function.spec.region)
    try:
        config = client.get_function_event_invoke_config(FunctionName=function.spec.name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return InvokeConfig()
    return InvokeConfig(
        max_retries=config.get("MaximumRetryAttempts", DEFAULT_RETRIES),
        max_age_seconds=config.get("MaximumEventAgeInSeconds", DEFAULT_AGE_SECONDS),
        failure_queue=config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""),
    )


class Worker:
    """Thread that runs the invocations of a function, one after the other."""

    def __init__(self, function: Function, config: InvokeConfig) -> None:
        """Start the thread."""
        self._function = function
        self._config = config
        self._is_stopping = False
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=function.spec.name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Run a job after all others."""
        self._jobs.put(job)

    def invoke_later(self, event: Mapping[str, Any]) -> None:
        """Invoke the function, and again if it fails, as often and as long as its configuration says."""
        expires_at = time.monotonic() + self._config.max_age_seconds
        self.submit(lambda: self._invoke(event, expires_at))

    def stop(self) -> None:
        """Drop what waits, and wait for the running job."""
        self._is_stopping = True
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._is_stopping:
            try:
                job()
            except Exception:
                logger.exception("%s could not be invoked.", self._function.spec.name)

    def _invoke(self, event: Mapping[str, Any], expires_at: float) -> None:
        waits = (0.0, *RETRY_WAITS)
        for attempt in range(self._config.max_retries + 1):
            if time.monotonic() + sum(waits[: attempt + 1]) > expires_at:
                logger.warning("%s did not get an event in time.", self._function.spec.name)
                break
            try:
                self._function.invoke(event)
            except FunctionFailed:
                logger.exception("Attempt %d of %s failed.", attempt + 1, self._function.spec.name)
            else:
                return
        spec = self._function.spec
        send_failure(self._config.failure_queue, spec.role, {"function": spec.arn, "event": event})

"""The connection to DynamoDB that all tables share: how long a call may take, and the deadline of a request.

A person's request is answered before its deadline, also if DynamoDB accepts calls and never answers. Nobody waits for
the control loop, so its calls may take longer.
"""

import functools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model
from typing_extensions import override

REGION = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
"""The home region. The default lets this module be imported; `read_settings` builds no application without a region."""

REQUEST_CONNECT_TIMEOUT_SECONDS = 0.5
REQUEST_READ_TIMEOUT_SECONDS = 1.0
LOOP_CONNECT_TIMEOUT_SECONDS = 1.0
LOOP_READ_TIMEOUT_SECONDS = 5.0
"""A page of the sweep has up to 1 MB."""

MAX_POOL_CONNECTIONS = 25
"""As many as the threads of the local cloud that call DynamoDB at the same time. A function on AWS has one thread."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""The monotonic time at which the request of this thread must be answered; None: the control loop."""


_connecting = threading.Lock()
"""Held while a model gets its connection: the local cloud serves requests in threads."""


class DeadlineExceeded(Exception):
    """A request has no time left for another call to DynamoDB."""


@contextmanager
def limit_request_time(seconds: float) -> Iterator[None]:
    """Give the calls inside the short timeouts of a request, and refuse a call that could end after the deadline.

    :param seconds: the time until the deadline
    """
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class LimitedConnection(Connection):
    """A connection with the timeouts of a request inside `limit_request_time`, and with those of the loop outside.

    The SDK repeats no call: a client gets 503 with Retry-After, and the control loop tries again on its own.
    """

    def __init__(self) -> None:
        """Create no client yet. Each of the two is created when first needed."""
        super().__init__(
            region=REGION,
            connect_timeout_seconds=REQUEST_CONNECT_TIMEOUT_SECONDS,
            read_timeout_seconds=REQUEST_READ_TIMEOUT_SECONDS,
            max_retry_attempts=0,
            max_pool_connections=MAX_POOL_CONNECTIONS,
        )
        self.set_loop_read_timeout(LOOP_READ_TIMEOUT_SECONDS)

    def set_loop_read_timeout(self, seconds: float) -> None:
        """Change how long the control loop waits for a response, before its first call."""
        self._loop = Connection(
            region=REGION,
            connect_timeout_seconds=LOOP_CONNECT_TIMEOUT_SECONDS,
            read_timeout_seconds=seconds,
            max_retry_attempts=0,
            max_pool_connections=MAX_POOL_CONNECTIONS,
        )

    @property
    @override
    def client(self) -> Any:
        """Return the client whose timeouts apply to the caller."""
        return self._loop.client if _deadline.get() is None else super().client

    @override
    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Make one call.

        :raises DeadlineExceeded: the response could come after the deadline of the request
        """
        deadline = _deadline.get()
        if deadline is not None and deadline - time.monotonic() < REQUEST_READ_TIMEOUT_SECONDS:
            raise DeadlineExceeded(f"no time is left for {operation_name}")
        return super().dispatch(operation_name, operation_kwargs)


@functools.cache
def get_connection() -> LimitedConnection:
    """Return the connection of all tables and transactions. It is cached, because a client costs more than a call."""
    return LimitedConnection()


class TableModel(Model):
    """The base of all models. PynamoDB would create a connection for each model, with timeouts for all callers."""

    @classmethod
    @override
    def _get_connection(cls) -> TableConnection:
        known = cls._connection
        if known is not None and isinstance(known.connection, LimitedConnection):
            return known
        with _connecting:
            table, shared = super()._get_connection(), get_connection()
            if not isinstance(table.connection, LimitedConnection):
                if cls.Meta.table_name not in shared._tables:
                    shared.add_meta_table(table.get_meta_table())
                table.connection = shared
            return table

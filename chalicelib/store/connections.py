"""The connection to DynamoDB that all tables share: how long a call may take, and the deadline of a request.

A person's request is answered before its deadline, also if DynamoDB accepts calls and never answers. Nobody waits for
the control loop, so its calls may take longer.
"""

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model
from typing_extensions import override

from chalicelib.domain.common.time_budget import TimeBudget, start_budget

REQUEST_CONNECT_TIMEOUT_SECONDS = 0.3
"""A connection within a region takes milliseconds. A lost first packet is sent again only after 1 second (RFC 6298), so
any longer wait below that gains nothing and takes its time from the calls of the request."""

REQUEST_READ_TIMEOUT_SECONDS = 1.0
LOOP_CONNECT_TIMEOUT_SECONDS = 1.0
LOOP_READ_TIMEOUT_SECONDS = 5.0
"""A page of the sweep has up to 1 MB."""

MAX_POOL_CONNECTIONS = 25
"""The number of threads of the local cloud that call DynamoDB at the same time. A function on AWS has one thread."""

_budget: ContextVar[TimeBudget | None] = ContextVar("budget", default=None)
"""The time of the request of this thread; None: the control loop. PynamoDB's calls have no parameter for it."""


_connecting = threading.Lock()
"""Held while a model gets its connection: the local cloud serves requests in threads."""


class DeadlineExceeded(Exception):
    """A request has no time left for another call to DynamoDB."""


@contextmanager
def limit_request_time(seconds: float) -> Iterator[None]:
    """Give the calls inside the short timeouts of a request, and refuse a call that could end after the deadline.

    :param seconds: the time until the deadline
    """
    reserve = REQUEST_CONNECT_TIMEOUT_SECONDS + REQUEST_READ_TIMEOUT_SECONDS
    token = _budget.set(start_budget(seconds, reserve=reserve, monotonic=time.monotonic))
    try:
        yield
    finally:
        _budget.reset(token)


class TableMeta:
    """The settings that all tables share. The timeouts of their calls are those of this module.

    :cvar base_name: the name of the table without the prefix of the deployment
    :cvar table_name: the name with the prefix; `tables.connect_tables` sets it, and the region
    """

    base_name: str
    table_name: str = ""
    region: str = ""
    billing_mode = "PAY_PER_REQUEST"


class LimitedConnection(Connection):
    """A connection with the timeouts of a request inside `limit_request_time`, and with those of the loop outside.

    The SDK repeats no call: a client gets 503 with Retry-After, and the control loop tries again on its own.
    """

    def __init__(self, region: str) -> None:
        """Create no client yet. Each of the two is created when first needed."""
        super().__init__(
            region=region,
            connect_timeout_seconds=REQUEST_CONNECT_TIMEOUT_SECONDS,
            read_timeout_seconds=REQUEST_READ_TIMEOUT_SECONDS,
            max_retry_attempts=0,
            max_pool_connections=MAX_POOL_CONNECTIONS,
        )
        self.set_loop_read_timeout(LOOP_READ_TIMEOUT_SECONDS)

    def set_loop_read_timeout(self, seconds: float) -> None:
        """Change how long the control loop waits for a response, before its first call."""
        self._loop = Connection(
            region=self.region,
            connect_timeout_seconds=LOOP_CONNECT_TIMEOUT_SECONDS,
            read_timeout_seconds=seconds,
            max_retry_attempts=0,
            max_pool_connections=MAX_POOL_CONNECTIONS,
        )

    @property
    @override
    def client(self) -> Any:
        """Return the client whose timeouts apply to the caller."""
        return self._loop.client if _budget.get() is None else super().client

    @override
    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        """Make one call.

        :raises DeadlineExceeded: the response could come after the deadline of the request
        """
        budget = _budget.get()
        if budget is not None and budget.is_spent:
            raise DeadlineExceeded(f"no time is left for {operation_name}")
        return super().dispatch(operation_name, operation_kwargs)


@functools.cache
def get_connection() -> LimitedConnection:
    """Return the connection of all tables and transactions. It is cached, because a client costs more than a call."""
    return LimitedConnection(TableMeta.region)


class TableModel(Model):
    """The base of all models. PynamoDB would create a connection for each model, with timeouts for all callers."""

    Meta: type[TableMeta]  # type: ignore[assignment]  # PynamoDB declares a protocol without our names

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

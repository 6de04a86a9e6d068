"""HTTP server of the local cloud: moto's threaded server with the extensions, on the loopback only."""

import logging
import socket
import threading
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from local.aws.core.admin_api import AdminApi
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.unsupported_calls import SERVICES, Dispatcher, UnsupportedCalls

HOST = "127.0.0.1"
SHUTDOWN_POLL_SECONDS = 0.02
"""Interval in which the server checks whether to stop. Python's default of 0.5 s would be most of a test's time."""


class QuietHandler(MotoRequestHandler):
    """Handler without a request log. If a fault breaks a connection, it really closes the connection."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """Close the connection without a response."""
        super().connection_dropped(error, environ)
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: there are hundreds of requests per minute."""


class CloudServer:
    """Server of one local cloud. Instances that are launched after `start` find it by AWS_ENDPOINT_URL.

    :param port: 0 for any free port
    :param services: signing names of the services that answer
    """

    def __init__(self, cloud: LocalCloud, port: int = 0, services: Collection[str] = SERVICES) -> None:
        """Create a server that does not listen yet."""
        self._services = services
        self._cloud = cloud
        self._requested_port = port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Return the port that the server listens on."""
        assert self._server is not None, "not started"
        return self._server.port

    @property
    def url(self) -> str:
        """Return the value for AWS_ENDPOINT_URL."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Empty the cloud, and answer requests in the background.

        :raises OSError: the port cannot be used
        """
        with _open_listener(self._requested_port) as listener:
            self._cloud.install()
            moto_api_backend.reset()
            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            app = AdminApi(self._cloud, UnsupportedCalls(Dispatcher(create_backend_app), self._services))
            self._server = make_server(
                HOST, self._requested_port, app, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
            )
        self._cloud.environment["AWS_ENDPOINT_URL"] = self.url
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="local cloud", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and drop the state of the cloud."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None
        self._cloud.uninstall()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def _open_listener(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        raise OSError(error.errno, f"Port {port} of {HOST} cannot be used: {error.strerror}.") from error

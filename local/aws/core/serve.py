"""The local cloud behind a port: moto's threaded server with the extension, on the loopback alone."""

import logging
import socket
import threading
from types import TracebackType
from typing import Any, Self

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import BaseWSGIServer, make_server

from local.aws.core.admin_api import AdminApi
from local.aws.core.local_cloud import LocalCloud

HOST = "127.0.0.1"
SHUTDOWN_POLL = 0.02
"""Seconds between two looks at whether to stop; half a second, as Python has it, would be most of a test."""


class QuietHandler(MotoRequestHandler):
    """Logs no requests; a connection that a fault broke is really closed, without an answer."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        super().connection_dropped(error, environ)
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Hundreds a minute, and none of them news."""


class CloudServer:
    """Serves one local cloud; instances launched from now on find it by AWS_ENDPOINT_URL.

    :param port: where to listen; 0 for any free port
    :raises OSError: on start, where the port is taken
    """

    def __init__(self, cloud: LocalCloud, port: int = 0) -> None:
        self._cloud = cloud
        self._wanted = port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None, "not started"
        return self._server.port

    @property
    def url(self) -> str:
        """What AWS_ENDPOINT_URL is to say."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Begin with an empty cloud and answer requests in the background."""
        with _listening(self._wanted) as listener:
            self._cloud.install()
            moto_api_backend.reset()
            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            app = AdminApi(self._cloud, DomainDispatcherApplication(create_backend_app))
            self._server = make_server(
                HOST, self._wanted, app, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
            )
        self._cloud.environment["AWS_ENDPOINT_URL"] = self.url
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_POLL,), name="local cloud", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop answering; nothing of the cloud is kept."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None
        self._cloud.uninstall()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        raise OSError(error.errno, f"port {port} of {HOST} cannot be used: {error.strerror}") from error

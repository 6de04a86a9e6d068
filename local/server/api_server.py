"""HTTP server of the API on this computer, for `make run` and tests."""

import threading
from typing import Self

from chalice.app import Chalice

from local.server.api_gateway import Gateway, Identify, RequestGateway, act_as_administrator
from local.server.http_server import HttpServer

SHUTDOWN_POLL_SECONDS = 0.05


class GatewayServer:
    """Server that listens from its creation on, and answers in the background between `start` and `stop`.

    :param port: 0 for any free port
    :raises OSError: the port is in use
    """

    def __init__(self, gateway: RequestGateway, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen on the port."""
        self._host = host
        self._server = HttpServer((host, port), gateway)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="api", daemon=True
        )

    @property
    def port(self) -> int:
        """Return the port that the server listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Return the URL of the API without a slash at the end."""
        return f"http://{self._host}:{self.port}"

    def start(self) -> None:
        """Start to answer requests."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_connections()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


class ApiServer(GatewayServer):
    """Server of the app in this process.

    :param identify: the roles of the functions
    """

    def __init__(
        self, app: Chalice, port: int = 0, host: str = "127.0.0.1", identify: Identify = act_as_administrator
    ) -> None:
        """Listen on the port."""
        super().__init__(Gateway(app, identify), port, host)

"""The wait for Jupyter: only the server with the token of the instance counts, not another one on its port."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROGRAM = Path("ssm_documents/lib/wait_for_jupyter.py")


class _Jupyter(BaseHTTPRequestHandler):
    """A server that answers only with the token `right`."""

    def do_GET(self) -> None:
        self.send_response(200 if self.headers["Authorization"] == "token right" else 403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Jupyter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("token", "status"), [("right", 0), ("of-another-server", 1)])
def test_only_the_server_with_the_token_of_the_instance_is_ready(
    tmp_path: Path, port: int, token: str, status: int
) -> None:
    (tmp_path / "token").write_text(f"{token}\n", encoding="ascii")
    # A module of the user in the working folder must not be imported.
    (tmp_path / "urllib.py").write_text("raise SystemExit(5)", encoding="ascii")
    program = PROGRAM.read_text(encoding="utf-8")
    program = program.replace("8888", str(port)).replace("/etc/gpudesk/jupyter-token", str(tmp_path / "token"))
    command = [sys.executable, "-I", "-", "0.2"]
    assert subprocess.run(command, input=program, text=True, cwd=tmp_path, check=False).returncode == status

"""HTTP calls to a Jupyter server, and answers that do not come from Jupyter."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ssm_documents.probe.signals import jupyter_api
from ssm_documents.probe.signals.jupyter_servers import (
    Access,
    UnreachableServer,
)
from ssm_documents.probe.signals.jupyter_state import ServerState, read_server_state
from ssm_documents.probe.signals.namespaces import call_in_network


@contextmanager
def answering(reply: Callable[[str], tuple[int, bytes]]) -> Iterator[tuple[Access, list[str]]]:
    """Serve these answers on the loopback, and return the port and the requested paths."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            status, body = reply(self.path)
            self.send_response(status if self.headers["Authorization"] == "token s3cret" else 403)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            paths.append(f"{self.path} {body}")
            self.send_response(reply(self.path)[0])
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Access(server.server_port, "/", is_secure=False, token="s3cret"), paths
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_wrong_token_silent_port_and_invalid_token_are_unreachable() -> None:
    with answering(lambda path: (200, b"[]")) as (access, _):
        assert jupyter_api.get(access, "api/kernels") == []
        with pytest.raises(UnreachableServer, match="it answers 403 Forbidden"):
            jupyter_api.get(replace(access, token="wrong"), "api/kernels")
        with pytest.raises(UnreachableServer, match="it does not answer"):
            jupyter_api.get(replace(access, token="a\r\nb"), "api/kernels")
    with pytest.raises(UnreachableServer, match="refused"):
        jupyter_api.get(access, "api/kernels")


def test_requests_do_not_count_as_activity_and_terminals_may_be_disabled() -> None:
    with answering(lambda path: (404 if "terminals" in path else 200, b"[]")) as (access, paths):
        assert read_server_state(access) == ServerState({}, {}, live_counts=Counter(kernels=0, terminals=0))
    assert paths == ["/api/kernels?no_track_activity=1", "/api/terminals?no_track_activity=1"]


def test_server_without_the_kernels_api_is_unreachable() -> None:
    with (
        answering(lambda path: (404, b"[]")) as (access, _),
        pytest.raises(UnreachableServer, match="does not have this path"),
    ):
        read_server_state(access)


def test_post_sends_a_message_and_reports_a_missing_path() -> None:
    with answering(lambda path: (404 if "gone" in path else 201, b"")) as (access, paths):
        jupyter_api.post(replace(access, base_url="/user/ada/"), "extension/notify", {"message": "hello"})
        with pytest.raises(UnreachableServer, match="does not have this path"):
            jupyter_api.post(access, "gone", {})
    assert paths == ['/user/ada/extension/notify {"message": "hello"}', "/gone {}"]


@pytest.mark.parametrize("body", [b"", b"{}x", b"[1]", b'{"a": 1}', b"7", b"[" * 99_999])
def test_answers_that_are_not_those_of_jupyter_are_unreachable(body: bytes) -> None:
    with answering(lambda path: (200, body)) as (access, _), pytest.raises(UnreachableServer):
        read_server_state(access)


BUSY = {"id": "k1", "name": "python3", "execution_state": "busy", "last_activity": "t1"}
IDLE = {**BUSY, "id": "k2", "execution_state": "idle"}
TERMINAL = {"name": "1", "last_activity": "t1"}


def read_state(kernels: Any, terminals: Any = (), sessions: Any = ()) -> ServerState:
    """Read a server with these answers; an answer that is a number is an HTTP status."""
    answers = {"/api/kernels": kernels, "/api/terminals": terminals, "/api/sessions": sessions}

    def reply(path: str) -> tuple[int, bytes]:
        answer = answers[path.partition("?")[0]]
        return (answer, b"") if isinstance(answer, int) else (200, json.dumps(answer).encode())

    with answering(reply) as (access, _):
        return read_server_state(access)


@pytest.mark.parametrize(
    ("kernels", "terminals", "sessions", "problem"),
    [
        ([IDLE, BUSY], [{"name": "1"}], [], "terminal 1 has no last_activity"),
        ([IDLE, BUSY], 403, [], "it answers 403 Forbidden"),
        ([IDLE, BUSY], {"message": "no"}, [], "its answer is not that of Jupyter"),
        ([IDLE, BUSY, {"name": "python3"}], [], [], "its answer is not that of Jupyter"),
        ([BUSY, {**IDLE, "execution_state": None}], [], [], "kernel python3 has no execution_state"),
        ([{"id": "k3", "name": "r"}, BUSY], [], [], "kernel r has no execution_state"),
        ([{**BUSY, "last_activity": None}], [], [], "kernel python3 has no last_activity"),
        ([IDLE, BUSY], [TERMINAL], [{"kernel": {"id": "k1"}}, {"path": "a"}, 7, None], ""),
        ([IDLE, BUSY], [TERMINAL], 500, ""),
        ([IDLE, BUSY], [TERMINAL], {"a": 1}, ""),
    ],
)
def test_busy_kernel_is_found_although_another_part_is_unreadable(
    kernels: Any, terminals: Any, sessions: Any, problem: str
) -> None:
    state = read_state(kernels, terminals, sessions)
    assert (state.busy_kernel, state.problem) == ("kernel python3", problem)


def test_used_terminal_is_found_although_the_kernels_are_unreadable() -> None:
    state = read_state(500, [TERMINAL])
    assert (state.last_activity, state.problem) == ({"terminal 1": "t1"}, "it answers 500 Internal Server Error")


def test_notebook_names_its_kernel_and_a_session_without_a_path_does_not() -> None:
    sessions = [{"kernel": {"id": "k2"}}, {"kernel": {"id": "k1"}, "path": "book/train.ipynb"}]
    assert read_state([IDLE, BUSY], [], sessions).kernel_names == {"k1": "kernel train.ipynb", "k2": "kernel python3"}


def test_server_in_another_network_namespace_is_reached_inside_it() -> None:
    """The server answers on the loopback of a container, and not on that of the instance."""
    code = """
import http.server, sys
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.handle_request()
"""
    command = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" -c "$1"', sys.executable, code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as contained:
        assert contained.stdout
        port = contained.stdout.readline()
        if not port:
            pytest.skip("this computer does not permit a new network namespace")
        access = Access(int(port), "/", is_secure=False, token="")
        with pytest.raises(UnreachableServer, match="refused"):
            jupyter_api.get(access, "api/kernels")
        assert call_in_network(contained.pid, lambda: jupyter_api.get(access, "any", may_be_missing=True)) == []
        with pytest.raises(UnreachableServer, match="refused"):
            jupyter_api.get(access, "api/kernels")

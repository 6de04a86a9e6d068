"""Programs that pretend to be Jupyter. They answer wrongly, never or endlessly, and delay no heartbeat."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ssm_documents.probe.imds import Imds
from ssm_documents.probe.interval import run_every
from ssm_documents.probe.signals.jupyter_servers import Server, UnreachableServer, find_servers
from ssm_documents.probe.user_messenger import (
    MAX_SERVERS,
    NOTIFY_TIMEOUT_SECONDS,
    DeliveryCount,
    UserMessenger,
    notify_jupyter,
)

PROGRAM = """
import json, os, select, socket, sys
from pathlib import Path

body = sys.argv[1]
server = socket.create_server(("127.0.0.1", 0))
content = {"pid": os.getpid(), "port": server.getsockname()[1], "base_url": "/", "token": "t"}
Path(os.environ["JUPYTER_RUNTIME_DIR"], f"jpserver-{os.getpid()}.json").write_text(json.dumps(content))
print(flush=True)


def request(connection):
    # Read everything: closing a socket with unread data resets the connection, and the answer would be lost.
    got = b""
    while b"\\r\\n\\r\\n" not in got:
        got += connection.recv(65536)
    head, _, sent = got.partition(b"\\r\\n\\r\\n")
    lengths = [line.split(b":")[1] for line in head.lower().splitlines() if line.startswith(b"content-length")]
    while len(sent) < sum(map(int, lengths)):
        sent += connection.recv(65536)
    return head


while True:
    connection, _ = server.accept()
    if body == "mute":
        held = connection
        continue
    head = request(connection).split()[0]
    answer = b"{}" if head == b"POST" else body.encode()
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n")
    try:
        while body in ("drip a header", "drip a body"):
            connection.sendall(b"X" if body == "drip a header" else b"\\r\\n")
            select.select([], [], [], 0.1)
        connection.sendall(b"\\r\\n" + answer)
    except OSError:
        pass
    connection.close()
"""

Started = Callable[[str], Server]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Start real processes named jupyter-lab, one for each kind of answer."""
    program = tmp_path / "jupyter-lab"
    program.write_text(PROGRAM, encoding="utf-8")
    processes: list[subprocess.Popen[bytes]] = []

    def start(body: str) -> Server:
        command = [sys.executable, str(program), body]
        environment = {"JUPYTER_RUNTIME_DIR": str(tmp_path)}
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
        assert processes[-1].stdout
        processes[-1].stdout.readline()
        return next(server for server in find_servers() if server.pid == processes[-1].pid)

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_invalid_or_endless_answers_do_not_delay_the_other_servers(started: Started, tmp_path: Path) -> None:
    answers = ['{"connections": null}', "[]", "7", '{"connections": "many"}', "mute", "drip a header", "drip a body"]
    servers = [started(answer) for answer in answers]
    servers.append(started(json.dumps({"connections": 1})))
    refused: set[Server] = set()

    def notify(server: Server, text: str) -> bool:
        try:
            return notify_jupyter(server, text)
        except UnreachableServer:
            refused.add(server)
            raise

    began = time.monotonic()
    assert UserMessenger(tmp_path, lambda: servers, notify).notify("hello") == DeliveryCount(jupyter_servers=1)
    assert time.monotonic() - began < 2 * NOTIFY_TIMEOUT_SECONDS
    assert refused == set(servers[:-1]), "every connection was closed, and no thread is left"


def test_hanging_server_gets_no_further_message(tmp_path: Path) -> None:
    messages, release = [], threading.Event()

    def hangs(_: Server, text: str) -> bool:
        messages.append(text)
        return release.wait(60)

    everybody = UserMessenger(tmp_path, lambda: [Server(1, 1, "jupyter-lab")], hangs, limit_seconds=0.05)
    assert [everybody.notify(text) for text in ("one", "two")] == [DeliveryCount(), DeliveryCount()]
    release.set()
    assert messages == ["one"]


def test_number_of_notified_servers_is_limited_and_one_failure_is_isolated(tmp_path: Path) -> None:
    def breaks_for_one(server: Server, _: str) -> bool:
        return 1 // server.pid > 0 or True

    servers = [Server(pid, 1, "jupyter-lab") for pid in range(60)]
    assert UserMessenger(tmp_path, lambda: servers, breaks_for_one).notify("hello") == DeliveryCount(
        jupyter_servers=MAX_SERVERS - 1
    )


class Enough(BaseException):
    """Raised to end an endless answer."""


def test_repeated_call_continues_after_failures() -> None:
    outcomes: list[BaseException] = [TypeError("1"), AttributeError("2"), Enough()]

    def send_heartbeat() -> None:
        raise outcomes.pop(0)

    with pytest.raises(Enough):
        run_every(0, send_heartbeat)
    assert outcomes == []


@contextmanager
def metadata(answer: bytes) -> Iterator[Imds]:
    """Serve one request as the metadata service, with this answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Imds(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 12:00:00", "Mon, 23 Nov 2026 12:00:00 -0000", "soon", ""])
def test_invalid_date_gives_no_time(date: str) -> None:
    with (
        metadata(f"HTTP/1.0 200 OK\r\nDate: {date}\r\n\r\n".encode()) as imds,
        pytest.raises(ValueError, match=r"date|\w"),
    ):
        imds.now()


@pytest.mark.parametrize("answer", [b"what?\r\n\r\n", b"", b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_metadata_service_without_http_is_an_os_error(answer: bytes) -> None:
    with metadata(answer) as imds, pytest.raises(OSError, match=r"\w"):
        imds.now()

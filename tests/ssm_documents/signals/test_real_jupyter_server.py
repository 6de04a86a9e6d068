"""Jupyter signal and notifications with a real server, real kernels and real terminals."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from chalicelib.domain.idle.evidence import SignalState
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.jupyter import JupyterSensor
from ssm_documents.probe.signals.jupyter_servers import (
    Server,
    UnreachableServer,
    find_servers,
    resolve_access,
)
from ssm_documents.probe.signals.jupyter_state import query_server
from ssm_documents.probe.user_messenger import DeliveryCount, UserMessenger
from tests.support.jupyter import build_environment
from tests.support.sandbox import wait_for
from tests.support.sensor_fixtures import read_sensor

UNUSED_EXTENSIONS = ("jupyter_lsp", "jupyterlab", "notebook_shim")


class RealServer:
    """A Jupyter server of this environment, in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = "t0ken"
        command = [sys.executable, "-m", "jupyter_server", "--ServerApp.port=0", "--allow-root", "--no-browser"]
        command += [f"--ServerApp.jpserver_extensions={name}=False" for name in UNUSED_EXTENSIONS]
        self.process = subprocess.Popen(
            [*command, f"--IdentityProvider.token={self.token}"],
            cwd=folder,
            env=build_environment(folder),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr
        for line in self.process.stderr:
            if "?token=" in line:
                break
        self._drain = threading.Thread(target=self.process.stderr.read)
        self._drain.start()
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        """Return its port. It logs, then writes its runtime file, then listens."""
        while True:
            try:
                port = resolve_access(self.process.pid).port
                socket.create_connection(("127.0.0.1", port)).close()
            except (UnreachableServer, ConnectionRefusedError):
                assert self.process.poll() is None
            else:
                return port

    def find(self) -> list[Server]:
        return [server for server in find_servers() if server.pid == self.process.pid]

    def request(self, method: str, path: str, body: Any = None) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        connection.request(method, f"/api/{path}", body=json.dumps(body), headers=headers)
        try:
            return json.loads(connection.getresponse().read() or b"null")
        finally:
            connection.close()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop the server. It may be called repeatedly."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(by)
        self.process.wait()
        self._drain.join()
        assert self.process.stderr
        self.process.stderr.close()


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    server = RealServer(tmp_path_factory.mktemp("jupyter"))
    yield server
    server.stop()


def wait_for_state(sensor: JupyterSensor, state: SignalState) -> Reading:
    """Return the next reading in this state. A message of a kernel reaches its server after a moment."""
    return wait_for(lambda: read_sensor(sensor), lambda reading: reading.state is state)


def test_real_kernel_is_active_while_a_cell_runs_and_open_tabs_do_not_count(
    jupyter: RealServer, tmp_path: Path
) -> None:
    sensor = JupyterSensor(jupyter.find, query_server)
    assert wait_for_state(sensor, SignalState.QUIET).reason == "no kernel is running"
    session = {"path": "sub/train.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    kernel = jupyter.request("POST", "sessions", session)["kernel"]["id"]
    url = f"ws://127.0.0.1:{jupyter.port}/api/kernels/{kernel}/channels?token={jupyter.token}"
    tab = create_connection(url, timeout=20)
    door = tmp_path / "door"
    os.mkfifo(door)
    tab.send(json.dumps(_execute(f"open({str(door)!r}).read()")))
    live_counts = {"kernels": 1}
    busy = Reading(SignalState.ACTIVE, "kernel train.ipynb is running a cell", live_counts)
    wait_for(lambda: read_sensor(sensor), lambda reading: reading == busy)
    door.write_text("done", encoding="utf-8")
    assert wait_for_state(sensor, SignalState.QUIET) == Reading(
        SignalState.QUIET, "no kernel is busy (1 running)", live_counts
    )
    second_tab = create_connection(url, timeout=20)
    assert SignalState.ACTIVE not in {read_sensor(sensor).state for _ in range(3)}
    tab.close()
    second_tab.close()


def test_real_terminal_is_active_when_it_is_used(jupyter: RealServer) -> None:
    sensor = JupyterSensor(jupyter.find, query_server)
    wait_for_state(sensor, SignalState.QUIET)
    name = jupyter.request("POST", "terminals", {})["name"]
    assert wait_for_state(sensor, SignalState.ACTIVE).reason == f"Jupyter terminal {name} was used"
    assert wait_for_state(sensor, SignalState.QUIET).live_counts["terminals"] == 1
    terminal = create_connection(f"ws://127.0.0.1:{jupyter.port}/terminals/websocket/{name}?token={jupyter.token}")
    terminal.send(json.dumps(["stdin", "true\n"]))
    assert wait_for_state(sensor, SignalState.ACTIVE).reason == f"Jupyter terminal {name} was used"
    terminal.close()


def test_message_of_the_probe_appears_as_a_jupyterlab_notification(jupyter: RealServer, tmp_path: Path) -> None:
    people = UserMessenger(tmp_path, jupyter.find)
    page = create_connection(
        f"ws://127.0.0.1:{jupyter.port}/jupyterlab-notifications-extension/stream?token={jupyter.token}", timeout=20
    )
    assert people.notify("it will be stopped") == DeliveryCount(jupyter_servers=0), (
        "no tab has a kernel, so perhaps nobody reads it"
    )
    (shown,) = json.loads(page.recv())["notifications"]
    assert (shown["message"], shown["type"], shown["autoClose"]) == ("it will be stopped", "warning", False)
    kernel = (jupyter.request("GET", "kernels") or [jupyter.request("POST", "kernels", {})])[0]["id"]
    tab = create_connection(f"ws://127.0.0.1:{jupyter.port}/api/kernels/{kernel}/channels?token={jupyter.token}")
    assert people.notify("it goes on") == DeliveryCount(jupyter_servers=1)
    tab.close()
    page.close()


def test_file_of_a_killed_server_does_not_count(jupyter: RealServer) -> None:
    """This test is the last one, because it kills the server of all tests."""
    for kernel in jupyter.request("GET", "kernels"):
        jupyter.request("DELETE", f"kernels/{kernel['id']}")
    (found,) = jupyter.find()
    jupyter.stop(signal.SIGKILL)
    assert list((jupyter.folder / "runtime").glob("jpserver-*.json"))
    assert jupyter.find() == []
    with pytest.raises(UnreachableServer):
        query_server(found)


def _execute(code: str) -> dict[str, Any]:
    header = {"msg_id": "1", "username": "", "session": "1", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}

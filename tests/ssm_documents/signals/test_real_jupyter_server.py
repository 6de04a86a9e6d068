"""The Jupyter signal and the notifications with a real server, real kernels and real terminals."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from chalicelib.domain.idle.evidence import SignalState
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.jupyter import JupyterSensor, query_server
from ssm_documents.probe.signals.jupyter_servers import (
    Server,
    UnreachableServer,
    find_servers,
    resolve_access,
)
from ssm_documents.probe.user_messenger import DeliveryCount, UserMessenger
from tests.support.sensor_fixtures import read_sensor


class RealServer:
    """A Jupyter server of this environment, with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.token = "t0ken"
        environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "HOME": str(folder)}
        command = [sys.executable, "-m", "jupyter_server", "--ServerApp.port=0", "--allow-root", "--no-browser"]
        self.process = subprocess.Popen(
            [*command, f"--IdentityProvider.token={self.token}"],
            cwd=folder,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr
        for line in self.process.stderr:
            if "?token=" in line:
                break
        self._drain = threading.Thread(target=self.process.stderr.read)
        self._drain.start()
        self.port = self._port()

    def _port(self) -> int:
        """Its runtime file comes a moment after its first words."""
        while True:
            try:
                return resolve_access(self.process.pid).port
            except UnreachableServer:
                assert self.process.poll() is None

    def find(self) -> list[Server]:
        return [server for server in find_servers() if server.pid == self.process.pid]

    def post(self, path: str, body: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        connection.request("POST", f"/api/{path}", body=json.dumps(body), headers=headers)
        try:
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
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


def until(sensor: JupyterSensor, state: SignalState) -> Reading:
    """The next reading in this state: a kernel's words take a moment to reach its server."""
    due = time.monotonic() + 20
    while time.monotonic() < due:
        reading = read_sensor(sensor)
        if reading.state is state:
            return reading
    raise AssertionError(f"still {reading}")


def test_real_kernel_is_active_while_a_cell_runs_and_open_tabs_do_not_count(
    jupyter: RealServer, tmp_path: Path
) -> None:
    sensor = JupyterSensor(jupyter.find, query_server)
    assert until(sensor, SignalState.QUIET).reason == "no kernel is running"
    session = {"path": "sub/train.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    kernel = jupyter.post("sessions", session)["kernel"]["id"]
    url = f"ws://127.0.0.1:{jupyter.port}/api/kernels/{kernel}/channels?token={jupyter.token}"
    tab = create_connection(url, timeout=20)
    door = tmp_path / "door"
    os.mkfifo(door)
    tab.send(json.dumps(_execute(f"open({str(door)!r}).read()")))
    live_counts = {"kernels": 1}
    busy = Reading(SignalState.ACTIVE, "kernel train.ipynb is running a cell", live_counts)
    while read_sensor(sensor) != busy:
        assert jupyter.process.poll() is None
    door.write_text("done", encoding="utf-8")
    assert until(sensor, SignalState.QUIET) == Reading(SignalState.QUIET, "no kernel is busy (1 running)", live_counts)
    second_tab = create_connection(url, timeout=20)
    assert SignalState.ACTIVE not in {read_sensor(sensor).state for _ in range(3)}
    tab.close()
    second_tab.close()


def test_real_terminal_is_active_when_it_is_used(jupyter: RealServer) -> None:
    sensor = JupyterSensor(jupyter.find, query_server)
    until(sensor, SignalState.QUIET)
    name = jupyter.post("terminals", {})["name"]
    assert until(sensor, SignalState.ACTIVE).reason == f"Jupyter terminal {name} was used"
    assert until(sensor, SignalState.QUIET).live_counts["terminals"] == 1
    terminal = create_connection(f"ws://127.0.0.1:{jupyter.port}/terminals/websocket/{name}?token={jupyter.token}")
    terminal.send(json.dumps(["stdin", "true\n"]))
    assert until(sensor, SignalState.ACTIVE).reason == f"Jupyter terminal {name} was used"
    terminal.close()


def test_message_of_the_probe_appears_as_a_jupyterlab_notification(jupyter: RealServer, tmp_path: Path) -> None:
    people = UserMessenger(tmp_path, jupyter.find)
    page = create_connection(
        f"ws://127.0.0.1:{jupyter.port}/jupyterlab-notifications-extension/stream?token={jupyter.token}", timeout=20
    )
    assert people.notify("it will be stopped") == DeliveryCount(jupyter_servers=0), (
        "no tab has a kernel, so nobody may be there"
    )
    (shown,) = json.loads(page.recv())["notifications"]
    assert (shown["message"], shown["type"], shown["autoClose"]) == ("it will be stopped", "warning", False)
    kernel = jupyter.post("kernels", {})["id"]
    tab = create_connection(f"ws://127.0.0.1:{jupyter.port}/api/kernels/{kernel}/channels?token={jupyter.token}")
    assert people.notify("it goes on") == DeliveryCount(jupyter_servers=1)
    tab.close()
    page.close()


def test_file_of_a_killed_server_does_not_count(tmp_path: Path) -> None:
    server = RealServer(tmp_path)
    (found,) = server.find()
    server.stop(signal.SIGKILL)
    assert list((tmp_path / "runtime").glob("jpserver-*.json"))
    assert server.find() == []
    with pytest.raises(UnreachableServer):
        query_server(found)


def _execute(code: str) -> dict[str, Any]:
    header = {"msg_id": "1", "username": "", "session": "1", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}

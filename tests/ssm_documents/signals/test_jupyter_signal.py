"""The Jupyter signal: what it makes of servers' answers, how it finds servers, and a real one with a real kernel."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.people import DeliveryCount, UserMessenger
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals import jupyter_api
from ssm_documents.probe.signals.jupyter import JupyterSensor, ServerState, inspect_server, query_server
from ssm_documents.probe.signals.jupyter_servers import (
    Access,
    Server,
    UnreachableServer,
    find_servers,
    resolve_access,
    server_program,
)
from ssm_documents.probe.signals.namespaces import in_network_of

LAB = Server(4242, 1, "jupyter-lab")
OTHER = Server(4343, 2, "jupyter-notebook")


class Servers:
    """Servers by their answers; one that cannot be asked has a reason instead."""

    def __init__(self) -> None:
        self.answers: dict[Server, ServerState | str] = {}

    def ask(self, server: Server) -> ServerState:
        answer = self.answers[server]
        if isinstance(answer, str):
            raise UnreachableServer(answer)
        return answer


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def sensor(servers: Servers) -> JupyterSensor:
    return JupyterSensor(lambda: list(servers.answers), servers.ask)


def resting(**activity: str) -> ServerState:
    kernels = {name: moment for name, moment in activity.items() if not name.startswith("terminal")}
    return ServerState(
        activity={name.replace("_", " "): moment for name, moment in activity.items()},
        names={name: f"kernel {name}.ipynb" for name in kernels},
        live_counts=Counter(kernels=len(kernels), terminals=len(activity) - len(kernels)),
    )


def read(sensor: JupyterSensor) -> Reading:
    return sensor.read(Thresholds())


def test_a_machine_without_a_server_is_quiet(sensor: JupyterSensor) -> None:
    assert read(sensor) == Reading(SignalState.QUIET, "no Jupyter server runs")


def test_a_server_without_kernels_is_quiet(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting()
    assert read(sensor) == Reading(SignalState.QUIET, "no kernel is running")


def test_a_busy_kernel_on_any_server_is_work(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="t1")
    servers.answers[OTHER] = replace(resting(b="t1", terminal_1="t1"), busy="kernel train.ipynb")
    live_counts = {"kernels": 2, "terminals": 1}
    assert read(sensor) == Reading(SignalState.ACTIVE, "kernel train.ipynb is running a cell", live_counts)


def test_kernels_at_rest_are_quiet_and_counted(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="2091-01-01T00:00:00Z", b="t1")
    assert [read(sensor) for _ in range(2)] == [
        Reading(SignalState.QUIET, "no kernel is busy (2 running)", {"kernels": 2})
    ] * 2


def test_a_short_cell_between_two_looks_is_work_once(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="t1")
    read(sensor)
    servers.answers[LAB] = resting(a="t2")
    assert read(sensor) == Reading(SignalState.ACTIVE, "kernel a.ipynb was used", {"kernels": 1})
    assert read(sensor).state is SignalState.QUIET


def test_a_terminal_that_was_used_between_two_looks_is_work(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(terminal_1="t1")
    read(sensor)
    servers.answers[LAB] = resting(terminal_1="t2")
    assert read(sensor) == Reading(SignalState.ACTIVE, "Jupyter terminal 1 was used", {"terminals": 1})


def test_a_kernel_that_is_new_since_the_last_look_is_work(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting()
    read(sensor)
    servers.answers[LAB] = resting(a="t1")
    assert read(sensor).state is SignalState.ACTIVE


def test_a_server_that_is_seen_for_the_first_time_has_no_past(sensor: JupyterSensor, servers: Servers) -> None:
    read(sensor)
    servers.answers[LAB] = resting(a="t1")
    assert [read(sensor).state for _ in range(2)] == [SignalState.QUIET] * 2


def test_a_server_that_cannot_be_asked_is_unknown_and_named(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[LAB] = resting(a="t1")
    servers.answers[OTHER] = "it answers 403 Forbidden"
    reason = "jupyter-notebook (4343): it answers 403 Forbidden"
    assert read(sensor) == Reading(SignalState.UNKNOWN, reason, {"kernels": 1})


def test_work_on_one_server_is_work_though_another_cannot_be_asked(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers[OTHER] = "it does not answer"
    servers.answers[LAB] = replace(resting(a="t1"), busy="kernel a.ipynb")
    assert read(sensor).state is SignalState.ACTIVE


def test_what_happened_while_a_server_could_not_be_asked_is_seen_afterwards(
    sensor: JupyterSensor, servers: Servers
) -> None:
    for answer in (resting(a="t1"), "it does not answer", resting(a="t2")):
        servers.answers[LAB] = answer
        reading = read(sensor)
    assert reading.state is SignalState.ACTIVE


def test_more_servers_than_can_be_asked_are_unknown(sensor: JupyterSensor, servers: Servers) -> None:
    servers.answers.update({Server(pid, 1, "jupyter-lab"): resting() for pid in range(51)})
    assert read(sensor).state is SignalState.UNKNOWN


@pytest.mark.parametrize(
    ("command_line", "program"),
    [
        ("/opt/venv/bin/python3 /opt/venv/bin/jupyter-lab --port=8888", "jupyter-lab"),
        ("python -m jupyter_server --config=x", "jupyter_server"),
        ("python3.12 -u -X dev -m jupyterlab", "jupyterlab"),
        ("/usr/bin/python3 -I /usr/local/bin/jupyter-notebook", "jupyter-notebook"),
        ("/opt/conda/bin/python3.11 /opt/conda/bin/jupyterhub-singleuser --ip=0.0.0.0", "jupyterhub-singleuser"),
        ("python -m jupyterhub.singleuser", "jupyterhub.singleuser"),
        ("jupyter-server", "jupyter-server"),
        ("python -m ipykernel_launcher -f kernel.json", None),
        ("python -m jupyter_server list", None),
        ("python /opt/venv/bin/jupyter-lab build", None),
        ("vim jupyter-lab", None),
        ("docker run image jupyter-lab", None),
        ("python -c jupyter-lab", None),
        ("python -m", None),
        ("python", None),
        ("", None),
    ],
)
def test_what_is_a_server_and_what_only_speaks_of_one(command_line: str, program: str | None) -> None:
    assert server_program(command_line.split()) == program


@dataclass
class FakeProc:
    """One process's files in a /proc of its own, and the folders that it sees."""

    proc: Path
    pid: int = 4242
    inner_pid: int = 4242

    def make(self, **environment: str) -> None:
        process = self.proc / str(self.pid)
        (process / "root").mkdir(parents=True)
        (process / "status").write_text(f"Name:\tx\nNSpid:\t{self.pid}\t{self.inner_pid}\n", encoding="utf-8")
        raw = "".join(f"{name}={value}\0" for name, value in environment.items())
        (process / "environ").write_text(raw, encoding="utf-8")

    def runtime(self, folder: str, content: Any = None, kind: str = "jpserver") -> Path:
        path = self.proc / str(self.pid) / "root" / folder / f"{kind}-{self.inner_pid}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content if content is not None else {}
        if isinstance(content, dict):
            default = {"pid": self.inner_pid, "port": 8889, "base_url": "/", "token": "s3cret", "hostname": "localhost"}
            content = json.dumps(default | content)
        path.write_text(content, encoding="utf-8")
        return path


@pytest.fixture
def fake(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/home/ada"}, "home/ada/.local/share/jupyter/runtime"),
        ({"HOME": "/home/ada", "JUPYTER_RUNTIME_DIR": "/run/jup"}, "run/jup"),
        ({"HOME": "/home/ada", "JUPYTER_DATA_DIR": "/data"}, "data/runtime"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "/xdg"}, "xdg/jupyter/runtime"),
        ({"HOME": "/home/ada", "XDG_RUNTIME_DIR": "/run/user/1"}, "run/user/1/jupyter"),
        ({}, "root/.local/share/jupyter/runtime"),
    ],
)
def test_the_runtime_file_is_found_where_jupyter_puts_it(
    fake: FakeProc, environment: dict[str, str], folder: str
) -> None:
    fake.make(**({"HOME": "/root"} | environment))
    fake.runtime(folder)
    assert resolve_access(fake.pid, fake.proc) == Access(8889, "/", is_secure=False, token="s3cret")


def test_a_notebook_server_of_before_jupyter_server_is_asked_too(fake: FakeProc) -> None:
    fake.make(HOME="/home/ada", XDG_RUNTIME_DIR="/run/user/1")
    fake.runtime("run/user/1/jupyter", {"notebook_dir": "/home/ada", "password": False, "sock": ""}, "nbserver")
    assert resolve_access(fake.pid, fake.proc) == Access(8889, "/", is_secure=False, token="s3cret")


def test_a_server_in_a_container_is_found_by_the_pid_that_it_has_there(fake: FakeProc) -> None:
    fake.inner_pid = 7
    fake.make(HOME="/home/jovyan")
    fake.runtime("home/jovyan/.local/share/jupyter/runtime", {"hostname": "172.17.0.2", "base_url": "/user/ada"})
    assert resolve_access(fake.pid, fake.proc) == Access(
        8889, "/user/ada/", is_secure=False, token="s3cret", host="172.17.0.2"
    )


def test_a_hubs_server_is_asked_with_the_token_that_the_hub_gave_it(fake: FakeProc) -> None:
    fake.make(HOME="/h", JUPYTERHUB_API_TOKEN="hubs")
    fake.runtime("h/.local/share/jupyter/runtime", {"token": "", "hostname": "0.0.0.0"})
    assert resolve_access(fake.pid, fake.proc).token == "hubs"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 60_000,
        {"pid": 9},
        {"port": 0},
        {"port": 65_536},
        {"port": "x"},
        {"port": None},
        {"base_url": "http://elsewhere/"},
        {"base_url": "/a b"},
        {"base_url": "/a\r\nX: y"},
        {"sock": "/run/jupyter.sock"},
    ],
)
def test_a_runtime_file_that_makes_no_sense_is_not_followed(fake: FakeProc, content: Any) -> None:
    fake.make(HOME="/h")
    fake.runtime("h/.local/share/jupyter/runtime", content)
    with pytest.raises(UnreachableServer, match="runtime file cannot be read"):
        resolve_access(fake.pid, fake.proc)


def test_a_runtime_file_that_is_a_link_or_a_pipe_is_not_read(fake: FakeProc) -> None:
    fake.make(HOME="/h")
    path = fake.runtime("h/.local/share/jupyter/runtime")
    for make in (os.mkfifo, lambda each: each.symlink_to("/etc/hostname")):
        path.unlink()
        make(path)
        with pytest.raises(UnreachableServer, match="runtime file cannot be read"):
            resolve_access(fake.pid, fake.proc)


def test_a_process_without_a_runtime_file_or_that_has_ended_cannot_be_asked(fake: FakeProc) -> None:
    with pytest.raises(UnreachableServer, match="its process cannot be read"):
        resolve_access(fake.pid, fake.proc)
    fake.make(HOME="/h")
    with pytest.raises(UnreachableServer, match="no runtime file"):
        resolve_access(fake.pid, fake.proc)


@contextmanager
def answering(reply: Callable[[str], tuple[int, bytes]]) -> Iterator[tuple[Access, list[str]]]:
    """A server on loopback, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = reply(self.path)
            self.send_response(status if self.headers["Authorization"] == "token s3cret" else 403)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(f"{self.path} {body}")
            self.send_response(reply(self.path)[0])
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Access(server.server_port, "/", is_secure=False, token="s3cret"), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_wrong_token_a_silent_port_and_a_token_that_is_no_header_cannot_be_asked() -> None:
    with answering(lambda path: (200, b"[]")) as (way, _):
        assert jupyter_api.get(way, "api/kernels") == []
        with pytest.raises(UnreachableServer, match="it answers 403 Forbidden"):
            jupyter_api.get(replace(way, token="wrong"), "api/kernels")
        with pytest.raises(UnreachableServer, match="it does not answer"):
            jupyter_api.get(replace(way, token="a\r\nb"), "api/kernels")
    with pytest.raises(UnreachableServer, match="refused"):
        jupyter_api.get(way, "api/kernels")


def test_our_questions_are_marked_as_none_of_anybodys_use_and_terminals_may_be_switched_off() -> None:
    with answering(lambda path: (404 if "terminals" in path else 200, b"[]")) as (way, asked):
        assert inspect_server(way) == ServerState({}, {}, live_counts=Counter(kernels=0, terminals=0))
    assert asked == ["/api/kernels?no_track_activity=1", "/api/terminals?no_track_activity=1"]


def test_a_server_without_kernels_api_is_no_jupyter_at_rest() -> None:
    with answering(lambda path: (404, b"[]")) as (way, _), pytest.raises(UnreachableServer, match="no such thing"):
        inspect_server(way)


def test_a_message_is_posted_and_one_that_was_not_taken_says_so() -> None:
    with answering(lambda path: (404 if "gone" in path else 201, b"")) as (way, asked):
        jupyter_api.post(replace(way, base_url="/user/ada/"), "extension/notify", {"message": "hello"})
        with pytest.raises(UnreachableServer, match="no such thing"):
            jupyter_api.post(way, "gone", {})
    assert asked == ['/user/ada/extension/notify {"message": "hello"}', "/gone {}"]


@pytest.mark.parametrize("body", [b"", b"{}x", b"[1]", b'{"a": 1}', b"7", b'[{"id": 1}]', b"[" * 99_999])
def test_answers_that_are_not_jupyters_cannot_be_read(body: bytes) -> None:
    with answering(lambda path: (200, body)) as (way, _), pytest.raises(UnreachableServer):
        inspect_server(way)


def test_a_server_in_another_network_is_asked_within_it() -> None:
    """A container's loopback: here it is refused, there it answers."""
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
            pytest.skip("this computer lets nobody make a network")
        way = Access(int(port), "/", is_secure=False, token="")
        with pytest.raises(UnreachableServer, match="refused"):
            jupyter_api.get(way, "api/kernels")
        assert in_network_of(contained.pid, lambda: jupyter_api.get(way, "any", may_be_missing=True)) == []
        with pytest.raises(UnreachableServer, match="refused"):
            jupyter_api.get(way, "api/kernels")


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
        reading = sensor.read(Thresholds())
        if reading.state is state:
            return reading
    raise AssertionError(f"still {reading}")


def test_a_real_kernel_is_seen_at_work_and_at_rest_and_an_open_tab_is_neither(
    jupyter: RealServer, tmp_path: Path
) -> None:
    sensor = JupyterSensor(jupyter.find, query_server)
    assert until(sensor, SignalState.QUIET).reason == "no kernel is running"
    wish = {"path": "sub/train.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    kernel = jupyter.post("sessions", wish)["kernel"]["id"]
    url = f"ws://127.0.0.1:{jupyter.port}/api/kernels/{kernel}/channels?token={jupyter.token}"
    tab = create_connection(url, timeout=20)
    door = tmp_path / "door"
    os.mkfifo(door)
    tab.send(json.dumps(_execute(f"open({str(door)!r}).read()")))
    live_counts = {"kernels": 1}
    busy = Reading(SignalState.ACTIVE, "kernel train.ipynb is running a cell", live_counts)
    while read(sensor) != busy:
        assert jupyter.process.poll() is None
    door.write_text("done", encoding="utf-8")
    assert until(sensor, SignalState.QUIET) == Reading(SignalState.QUIET, "no kernel is busy (1 running)", live_counts)
    second_tab = create_connection(url, timeout=20)
    assert SignalState.ACTIVE not in {read(sensor).state for _ in range(3)}
    tab.close()
    second_tab.close()


def test_a_real_terminal_is_seen_when_it_is_used(jupyter: RealServer) -> None:
    sensor = JupyterSensor(jupyter.find, query_server)
    until(sensor, SignalState.QUIET)
    name = jupyter.post("terminals", {})["name"]
    assert until(sensor, SignalState.ACTIVE).reason == f"Jupyter terminal {name} was used"
    assert until(sensor, SignalState.QUIET).live_counts["terminals"] == 1
    terminal = create_connection(f"ws://127.0.0.1:{jupyter.port}/terminals/websocket/{name}?token={jupyter.token}")
    terminal.send(json.dumps(["stdin", "true\n"]))
    assert until(sensor, SignalState.ACTIVE).reason == f"Jupyter terminal {name} was used"
    terminal.close()


def test_what_the_probe_has_to_say_appears_where_jupyterlab_shows_notifications(
    jupyter: RealServer, tmp_path: Path
) -> None:
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


def test_the_file_of_a_server_that_was_killed_does_not_count(tmp_path: Path) -> None:
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

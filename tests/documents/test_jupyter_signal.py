"""The Jupyter signal, against a stub that speaks Jupyter's API over real HTTP."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.activity.evidence import State
from ssm_documents.probe.jupyter import JupyterSensor
from ssm_documents.probe.sensors import Reading


class StubJupyter:
    """Answers /api/kernels and /api/sessions to those who know the token."""

    def __init__(self) -> None:
        self.kernels: list[dict[str, Any]] = []
        self.sessions: list[dict[str, Any]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = {"/api/kernels": stub.kernels, "/api/sessions": stub.sessions}
                allowed = self.headers["Authorization"] == "token s3cret"
                self.send_response(200 if allowed and self.path in known else 403)
                self.end_headers()
                self.wfile.write(json.dumps(known.get(self.path)).encode())

            def log_message(self, *arguments: object) -> None:
                """Tests are quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def kernel(self, identity: str, state: str = "idle", last_activity: str = "t1", connections: int = 0) -> None:
        self.kernels[:] = [each for each in self.kernels if each["id"] != identity]
        self.kernels.append(
            {
                "id": identity,
                "name": "python3",
                "execution_state": state,
                "last_activity": last_activity,
                "connections": connections,
            }
        )


@pytest.fixture
def jupyter() -> Iterator[StubJupyter]:
    stub = StubJupyter()
    thread = threading.Thread(target=stub.server.serve_forever, args=(0.01,))
    thread.start()
    yield stub
    stub.server.shutdown()
    stub.server.server_close()
    thread.join()


@pytest.fixture
def sensor(jupyter: StubJupyter, tmp_path: Path) -> JupyterSensor:
    (tmp_path / "unit").write_text("[Service]\n", encoding="utf-8")
    (tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    return JupyterSensor(jupyter.url, tmp_path / "unit", tmp_path / "token")


def test_a_machine_without_jupyter_is_quiet(tmp_path: Path) -> None:
    sensor = JupyterSensor("http://127.0.0.1:9", tmp_path / "unit", tmp_path / "token")
    assert sensor.read() == Reading(State.QUIET, "no Jupyter server here")


def test_no_kernel_is_quiet(sensor: JupyterSensor) -> None:
    assert sensor.read() == Reading(State.QUIET, "no kernel is running")


def test_a_busy_kernel_is_work_and_named_by_its_notebook(sensor: JupyterSensor, jupyter: StubJupyter) -> None:
    jupyter.kernel("k1")
    jupyter.kernel("k2", state="busy")
    jupyter.sessions.append({"path": "train.ipynb", "kernel": {"id": "k2"}})
    assert sensor.read() == Reading(State.ACTIVE, "kernel train.ipynb is running a cell")


def test_a_busy_kernel_of_no_notebook_is_named_by_itself(sensor: JupyterSensor, jupyter: StubJupyter) -> None:
    jupyter.kernel("k1", state="busy")
    assert sensor.read() == Reading(State.ACTIVE, "kernel python3 is running a cell")


def test_an_open_tab_alone_is_not_work(sensor: JupyterSensor, jupyter: StubJupyter) -> None:
    jupyter.kernel("k1", connections=3)
    assert [sensor.read().state for _ in range(3)] == [State.QUIET] * 3


def test_a_short_cell_between_two_looks_is_work(sensor: JupyterSensor, jupyter: StubJupyter) -> None:
    jupyter.kernel("k1", last_activity="t1")
    states = [sensor.read().state]
    jupyter.kernel("k1", last_activity="t2")
    states += [sensor.read().state, sensor.read().state]
    assert states == [State.QUIET, State.ACTIVE, State.QUIET]


def test_a_kernel_that_is_new_since_the_last_look_is_work(sensor: JupyterSensor, jupyter: StubJupyter) -> None:
    sensor.read()
    jupyter.kernel("k1")
    assert sensor.read() == Reading(State.ACTIVE, "kernel python3 was used since the last look")


def test_kernels_that_another_clock_dates_years_away_are_judged_by_change_alone(
    sensor: JupyterSensor, jupyter: StubJupyter
) -> None:
    jupyter.kernel("k1", last_activity="2091-01-01T00:00:00Z")
    assert [sensor.read().state for _ in range(2)] == [State.QUIET] * 2


def test_a_kernel_that_started_and_was_never_used_is_not_work(sensor: JupyterSensor, jupyter: StubJupyter) -> None:
    jupyter.kernel("k1", state="starting")
    assert [sensor.read().state for _ in range(2)] == [State.QUIET] * 2


def test_a_wrong_token_is_unknown(sensor: JupyterSensor, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("wrong\n", encoding="utf-8")
    assert sensor.read() == Reading(State.UNKNOWN, "Jupyter does not answer: Forbidden")


def test_a_server_that_does_not_answer_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "unit").touch()
    (tmp_path / "token").write_text("s3cret\n", encoding="utf-8")
    reading = JupyterSensor("http://127.0.0.1:9", tmp_path / "unit", tmp_path / "token").read()
    assert reading.state is State.UNKNOWN
    assert "refused" in reading.reason


def test_an_installed_jupyter_without_a_token_yet_raises(tmp_path: Path) -> None:
    (tmp_path / "unit").touch()
    with pytest.raises(FileNotFoundError):
        JupyterSensor("http://127.0.0.1:9", tmp_path / "unit", tmp_path / "token").read()


def test_a_proxy_in_the_environment_is_not_asked(
    sensor: JupyterSensor, jupyter: StubJupyter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert sensor.read().state is State.QUIET

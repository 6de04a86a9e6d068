"""JupyterLab with the configuration of gpudesk-jupyter: no requests to the internet, and notifications of the probe.

The configuration is that of the document with another port, folder and token file.
"""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from ssm_documents.probe.signals.jupyter_servers import Server, UnreachableServer, find_servers, resolve_access
from ssm_documents.probe.user_messenger import NOTIFICATIONS, DeliveryCount, UserMessenger, notify_jupyter
from tests.support.documents import copy_document
from tests.support.jupyter import build_environment

SHARED = Path("ssm_documents/lib")
TOKEN = "t0ken"
LOG_NAMES = """
import sys
def log_name(event, arguments):
    if event == "socket.getaddrinfo":
        with open("names", "a") as names:
            names.write(f"{arguments[0]}\\n")
sys.addaudithook(log_name)
"""
EXTENSIONS = ("jupyter_lsp", "jupyterlab", "jupyterlab_notifications_extension", "notebook_shim")
WITHOUT_EXTENSIONS = f"c.ServerApp.jpserver_extensions = {dict.fromkeys(EXTENSIONS, False)}"


class Lab:
    """JupyterLab, started as by the unit of the document.

    :param lines: more lines of configuration
    :param module: module to run; that of the server starts faster than JupyterLab
    """

    def __init__(self, folder: Path, lines: str, module: str = "jupyterlab") -> None:
        self._log = ""
        self._names = folder / "names"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, f"--config={_configuration(folder, lines)}"],
            cwd=folder,
            env=build_environment(folder),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr
        for line in self._process.stderr:
            self._log += line
            if "?token=" in line:
                break
        self._drain = threading.Thread(target=self._process.stderr.read)
        self._drain.start()
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        """Return its port. It logs, then writes its runtime file, then listens."""
        while True:
            try:
                port = resolve_access(self._process.pid).port
                socket.create_connection(("127.0.0.1", port)).close()
            except (UnreachableServer, ConnectionRefusedError):
                assert self._process.poll() is None, self._log
            else:
                return port

    def find(self) -> list[Server]:
        return [server for server in find_servers() if server.pid == self._process.pid]

    def read_requested_names(self) -> set[str]:
        """Return the host names that the server has looked up, if the configuration LOG_NAMES is used."""
        return set(self._names.read_text(encoding="utf-8").splitlines())

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a request with the token."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers={"Authorization": f"token {TOKEN}"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._drain.join()
        assert self._process.stderr
        self._process.stderr.close()


def _configuration(folder: Path, lines: str) -> Path:
    token, settings = folder / "token", folder / "settings"
    token.write_text(f"{TOKEN}\n", encoding="ascii")
    settings.mkdir()
    (settings / "overrides.json").write_bytes((SHARED / "overrides.json").read_bytes())
    text = (SHARED / "jupyter_server_config.py").read_text(encoding="utf-8")
    for original, replacement in (
        ("8888", "0"),
        ("/home/ubuntu/work", str(folder)),
        ("/etc/gpudesk/jupyter-token", str(token)),
    ):
        assert original in text
        text = text.replace(original, replacement)
    file = folder / "config.py"
    file.write_text(f"{text}c.LabApp.app_settings_dir = {str(settings)!r}\n{lines}\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    server = Lab(tmp_path_factory.mktemp("lab"), LOG_NAMES)
    yield server
    server.stop()


def test_jupyterlab_requests_neither_news_nor_updates_from_the_internet(lab: Lab) -> None:
    status, page = lab.get("/lab")
    assert status == 200
    assert '"news": {"disabled": true}' in page
    assert lab.json("/lab/api/news") == {"news": []}
    assert lab.json("/lab/api/update") == {"notification": None}
    assert lab.read_requested_names() == {"127.0.0.1"}
    settings = lab.json("/lab/api/settings/@jupyterlab/apputils-extension:notification")
    defaults = {name: each["default"] for name, each in settings["schema"]["properties"].items()}
    assert (defaults["fetchNews"], defaults["checkForUpdates"]) == ("false", False), (
        "it does not ask users for permission either"
    )


def test_jupyterlab_saves_changed_documents_every_10_seconds(lab: Lab) -> None:
    settings = lab.json("/lab/api/settings/@jupyterlab/docmanager-extension:plugin")
    interval, autosave = (settings["schema"]["properties"][name] for name in ("autosaveInterval", "autosave"))
    assert (interval["default"], autosave["default"]) == (10, True)


def test_stop_warning_waits_for_the_next_page(lab: Lab, tmp_path: Path) -> None:
    assert UserMessenger(tmp_path, lab.find).notify("it will be stopped") == DeliveryCount(), "no browser is connected"
    (shown,) = lab.json(f"/{NOTIFICATIONS.replace('ingest', 'notifications')}")["notifications"]
    assert (shown["message"], shown["type"], shown["autoClose"]) == ("it will be stopped", "warning", False)


def test_server_without_the_extension_is_unreachable_for_messages(tmp_path: Path) -> None:
    lab = Lab(tmp_path, WITHOUT_EXTENSIONS, "jupyter_server")
    try:
        (server,) = lab.find()
        with pytest.raises(UnreachableServer, match="does not have this path"):
            notify_jupyter(server, "it will be stopped")
    finally:
        lab.stop()


def test_every_package_is_pinned_and_supports_the_python_of_ubuntu_22_04() -> None:
    """Most images have Python 3.10, which is older than the Python of these tests."""
    script = "\n".join(copy_document("gpudesk-jupyter")["mainSteps"][0]["inputs"]["runCommand"])
    words = script.partition("PACKAGES=(")[2].partition(")")[0].split()
    packages = [Requirement(word) for word in words]
    assert {each.name for each in packages} >= {"jupyterlab", "jupyter-server", "ipykernel"}
    for package in packages:
        described = metadata(package.name)
        assert str(package.specifier) == f"=={described['Version']}"
        needs = Requirement(f"python{described['Requires-Python']}").specifier
        assert needs.contains("3.10"), f"{package} needs Python {needs}"

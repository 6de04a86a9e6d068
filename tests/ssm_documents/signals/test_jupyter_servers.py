"""Recognition of Jupyter servers, and of the address and the token of each one."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ssm_documents.probe.signals.jupyter_servers import (
    Access,
    UnreachableServer,
    find_server_program,
    resolve_access,
)


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
def test_command_lines_of_servers_are_recognized(command_line: str, program: str | None) -> None:
    assert find_server_program(command_line.split()) == program


@dataclass
class FakeProc:
    """Files of one process in a fake /proc, and the folders that the process sees."""

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
def test_runtime_file_is_found_in_every_folder_of_jupyter(
    fake: FakeProc, environment: dict[str, str], folder: str
) -> None:
    fake.make(**({"HOME": "/root"} | environment))
    fake.runtime(folder)
    assert resolve_access(fake.pid, fake.proc) == Access(8889, "/", is_secure=False, token="s3cret")


def test_runtime_file_of_the_classic_notebook_server_is_read(fake: FakeProc) -> None:
    fake.make(HOME="/home/ada", XDG_RUNTIME_DIR="/run/user/1")
    fake.runtime("run/user/1/jupyter", {"notebook_dir": "/home/ada", "password": False, "sock": ""}, "nbserver")
    assert resolve_access(fake.pid, fake.proc) == Access(8889, "/", is_secure=False, token="s3cret")


def test_server_in_a_container_is_found_by_its_inner_pid(fake: FakeProc) -> None:
    fake.inner_pid = 7
    fake.make(HOME="/home/jovyan")
    fake.runtime("home/jovyan/.local/share/jupyter/runtime", {"hostname": "172.17.0.2", "base_url": "/user/ada"})
    assert resolve_access(fake.pid, fake.proc) == Access(
        8889, "/user/ada/", is_secure=False, token="s3cret", host="172.17.0.2"
    )


def test_server_of_a_hub_has_the_token_of_the_hub(fake: FakeProc) -> None:
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
def test_invalid_runtime_file_is_unreachable(fake: FakeProc, content: Any) -> None:
    fake.make(HOME="/h")
    fake.runtime("h/.local/share/jupyter/runtime", content)
    with pytest.raises(UnreachableServer, match="runtime file cannot be read"):
        resolve_access(fake.pid, fake.proc)


def test_runtime_file_that_is_a_link_or_a_pipe_is_not_read(fake: FakeProc) -> None:
    fake.make(HOME="/h")
    path = fake.runtime("h/.local/share/jupyter/runtime")
    for make in (os.mkfifo, lambda each: each.symlink_to("/etc/hostname")):
        path.unlink()
        make(path)
        with pytest.raises(UnreachableServer, match="runtime file cannot be read"):
            resolve_access(fake.pid, fake.proc)


def test_process_without_a_runtime_file_or_that_has_ended_is_unreachable(fake: FakeProc) -> None:
    with pytest.raises(UnreachableServer, match="its process cannot be read"):
        resolve_access(fake.pid, fake.proc)
    fake.make(HOME="/h")
    with pytest.raises(UnreachableServer, match="no runtime file"):
        resolve_access(fake.pid, fake.proc)

"""Document gpudesk-d2l-pytorch on a real Debian: real apt, uv, PyTorch, d2l, JupyterLab, and a kernel that trains.

Files that no package registry offers come from a local HTTPS server with the host names of the publishers: the release
of uv (the uv of this project) and the zip file of the book (with a small notebook). PyTorch is the CUDA build of PyPI,
which also runs on a CPU, because the PyTorch index with the CPU builds is not reachable from every network.
"""

import json
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo.notebook import Notebook
from local.machines.inside.fakes.internet import book, uv_release

from .publishers import ADDRESS, Publishers
from .root import RootFolder, find_missing_requirement

CACHE = Path(".gpudesk/roots/bookworm")
UV = Path(".uv/bin/uv")
HOSTS = ("github.com", "d2l.ai")
NOTEBOOK = "d2l-en/pytorch/chapter_linear-regression/linear-regression-concise.ipynb"
TRAINING_SECONDS = 300.0

pytestmark = [
    pytest.mark.recipe,
    pytest.mark.skipif(bool(find_missing_requirement()), reason=find_missing_requirement() or "-"),
]


def find_content(url: str) -> bytes | None:
    return uv_release.find_content(url, program=UV.read_bytes()) or book.find_content(url)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RootFolder]:
    folder = tmp_path_factory.mktemp("recipe")
    with Publishers(folder, HOSTS, find_content) as publishers:
        root_folder = RootFolder.create(folder / "root", CACHE)
        root_folder.configure(dict.fromkeys(HOSTS, ADDRESS) | {"localhost": "127.0.0.1"}, publishers.authority)
        root_folder.start()
        yield root_folder
        root_folder.remove()


def get_json(path: str, token: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:8888{path}", headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def test_installed_recipe_trains_a_model_in_a_notebook(root: RootFolder) -> None:
    with socket.socket() as port:
        assert port.connect_ex(("127.0.0.1", 8888)) != 0, "port 8888 of this computer is in use"

    result = root.run_document("gpudesk-d2l-pytorch", "a1", gpuCount="0", torchBuild="cuda")
    assert [(step.name, step.status) for step in result.steps] == [
        (name, "Success") for name in ("python", "pytorch", "d2l_package", "notebooks", "check", "start")
    ]
    assert "Every device works: 1 x the CPU" in result.steps[4].stdout
    others = root.read_output("find /opt/gpudesk/d2l /home/ubuntu ! -user ubuntu -printf '%p\\n'")
    assert others == "", "all files must belong to the user ubuntu"

    token = root.read_output("cat /etc/gpudesk/jupyter-token")
    assert token not in "".join(step.stdout + step.stderr for step in result.steps)
    opened = get_json(f"/api/contents/{NOTEBOOK}", token)
    (code,) = [each["source"] for each in opened["content"]["cells"]]
    cell = Notebook("http://127.0.0.1:8888", token).run_cell(NOTEBOOK, code)
    deadline = time.monotonic() + TRAINING_SECONDS
    while not cell.has_ended:
        assert time.monotonic() < deadline, f"the cell did not end in time: {cell.output}"
        get_json("/api/kernels", token)
    sys.stderr.write(f"--- {NOTEBOOK}, run by the kernel: {cell.output}{cell.error}\n")
    assert not cell.error
    assert "w = [" in cell.output

    again = root.run_document("gpudesk-d2l-pytorch", "a2", gpuCount="0", torchBuild="cuda")
    assert again.status == "Success"
    assert [step.name for step in again.steps if "was done before" not in step.stdout] == [
        "notebooks",
        "check",
        "start",
    ]
    assert get_json("/api/kernels", token), "the kernel still runs after the second setup"

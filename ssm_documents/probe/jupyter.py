"""The Jupyter signal: what the kernels do, by Jupyter's own API.

Kernels count, connections do not: an open browser tab alone is not work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

from chalicelib.domain.activity.evidence import State
from ssm_documents.probe.local_http import Ask, ask
from ssm_documents.probe.sensors import Reading

URL = "http://127.0.0.1:8888"
UNIT = Path("/etc/systemd/system/gpudesk-jupyter.service")
TOKEN = Path("/etc/gpudesk/jupyter-token")


class JupyterSensor:
    """Active if a kernel is busy or has done anything since the last look, quiet if all rest, else unknown.

    A kernel's `last_activity` is watched for change and never compared with a clock: it is another program's time.

    :param unit: the service's unit file; where it is missing, no Jupyter was installed
    :param token: the file that holds the server's token
    """

    name = "jupyter"

    def __init__(self, url: str = URL, unit: Path = UNIT, token: Path = TOKEN, ask: Ask = ask) -> None:
        self._url = url
        self._unit = unit
        self._token = token
        self._ask = ask
        self._before: dict[str, str] | None = None

    def read(self) -> Reading:
        """Look once.

        :raises OSError, ValueError, KeyError: there is no token, or the server does not speak as Jupyter does
        """
        if not self._unit.exists():
            return Reading(State.QUIET, "no Jupyter server here")
        try:
            kernels = self._get("/api/kernels")
        except URLError as error:
            return Reading(State.UNKNOWN, f"Jupyter does not answer: {error.reason}")
        before, self._before = self._before, {each["id"]: each["last_activity"] for each in kernels}
        for kernel in kernels:
            if kernel["execution_state"] == "busy":
                return Reading(State.ACTIVE, f"kernel {self._title(kernel)} is running a cell")
        for kernel in kernels:
            if before is not None and before.get(kernel["id"]) != kernel["last_activity"]:
                return Reading(State.ACTIVE, f"kernel {self._title(kernel)} was used since the last look")
        if kernels:
            return Reading(State.QUIET, f"no kernel is busy ({len(kernels)} running)")
        return Reading(State.QUIET, "no kernel is running")

    def _title(self, kernel: Mapping[str, Any]) -> str:
        """The notebook that people know the kernel by, or the kernel's own name."""
        try:
            sessions = self._get("/api/sessions")
        except (OSError, ValueError):
            sessions = []
        paths = [each["path"] for each in sessions if each.get("kernel", {}).get("id") == kernel["id"]]
        return str(paths[0] if paths else kernel["name"])

    def _get(self, path: str) -> Any:
        token = self._token.read_text(encoding="ascii").strip()
        answer = self._ask("GET", self._url + path, {"Authorization": f"token {token}"})
        return json.loads(answer.body)

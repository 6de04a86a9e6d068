"""Jupyter servers, found as processes, and how each can be asked.

A server writes jpserver-PID.json (Notebook up to version 6: nbserver-PID.json) into its runtime folder, and leaves it
there when it is killed: so the living process comes first, and the file is looked for by its pid. All of it is written
by users, and read with suspicion.
"""

from __future__ import annotations

import pwd
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ssm_documents.probe.files import read_user_file
from ssm_documents.probe.signals.processes import PROC, list_processes, read_arguments

PROGRAMS = {
    "jupyter-lab",
    "jupyter-labhub",
    "jupyter-nbclassic",
    "jupyter-notebook",
    "jupyter-server",
    "jupyterhub-singleuser",
}
MODULES = {
    "jupyter_server",
    "jupyterhub.singleuser",
    "jupyterlab",
    "jupyterlab.labapp",
    "jupyterlab.labhubapp",
    "nbclassic",
    "notebook",
}
NON_SERVER_SUBCOMMANDS = {"build", "clean", "extension", "list", "password", "path", "stop", "workspaces"}
"""Subcommands of the same programs that serve nothing."""

RUNTIME_FILES = ("jpserver-{}.json", "nbserver-{}.json")

PYTHON = re.compile(r"python(\d+(\.\d+)?)?$")
BASE_URL = re.compile(r"/[\w.~%@:/-]*$")
MAX_ENVIRONMENT_BYTES = 1_048_576


@dataclass(frozen=True)
class Server:
    """A server's process.

    :param started: with the pid it names the process for good
    :param program: as it was started ("jupyter-lab")
    """

    pid: int
    started: int
    program: str


class UnreachableServer(Exception):
    """A server that runs and cannot be asked; says why."""


@dataclass(frozen=True)
class Access:
    """How a server can be asked, from within its own network.

    :param base_url: path before `/api`, with slashes at both ends
    """

    port: int
    base_url: str
    is_secure: bool
    token: str = field(repr=False)
    host: str = "127.0.0.1"


def find_servers() -> list[Server]:
    """Every Jupyter server that runs on this machine, in containers too."""
    named = ((process, find_server_program(read_arguments(process.pid))) for process in list_processes())
    return [Server(each.pid, each.started, program) for each, program in named if program]


def find_server_program(command_line: Sequence[str]) -> str | None:
    """The server's name where this is one's command line, else None."""
    rest = list(command_line)
    if rest and PYTHON.match(PurePosixPath(rest[0]).name):
        del rest[0]
        while rest and rest[0].startswith("-") and not rest[0].startswith("-m"):
            if rest[0] == "-c":
                return None
            del rest[: 2 if rest[0] in ("-W", "-X") else 1]
        if rest[:1] == ["-m"]:
            is_server = rest[1:2] and rest[1] in MODULES and not NON_SERVER_SUBCOMMANDS & set(rest[2:3])
            return rest[1] if is_server else None
    program = PurePosixPath(rest[0]).name if rest else ""
    return program if program in PROGRAMS and not NON_SERVER_SUBCOMMANDS & set(rest[1:2]) else None


def resolve_access(pid: int, proc: Path = PROC) -> Access:
    """How the server of this process can be asked.

    :raises NotAskable: it has no runtime file, or none that makes sense
    """
    process = proc / str(pid)
    try:
        inner_pid = _inner_pid(process)
        environment = _environment(process)
        home = environment.get("HOME") or pwd.getpwuid(process.stat().st_uid).pw_dir
    except (OSError, KeyError, ValueError) as error:
        raise UnreachableServer(f"its process cannot be read: {type(error).__name__}") from error
    for folder in _runtime_folders(environment, home):
        for name in RUNTIME_FILES:
            # Through the process's own root: the server may run in a container.
            file = process / "root" / folder.lstrip("/") / name.format(inner_pid)
            try:
                return _access(read_user_file(file), inner_pid, environment.get("JUPYTERHUB_API_TOKEN", ""))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                raise UnreachableServer(f"its runtime file cannot be read: {error}"[:120]) from error
    raise UnreachableServer("it has no runtime file")


def _access(content: Any, pid: int, hub_token: str) -> Access:
    if content["pid"] != pid:
        raise ValueError("it is of another process")
    if content.get("sock"):
        raise ValueError("it listens on a file")
    port, base_url = int(content["port"]), str(content["base_url"])
    if not 0 < port < 65_536 or not BASE_URL.match(base_url):
        raise ValueError("no port or no path")
    return Access(
        port=port,
        base_url=f"{base_url.rstrip('/')}/",
        is_secure=bool(content.get("secure")),
        # JupyterHub's servers have no token of their own, but take the one that the hub gave them.
        token=str(content.get("token") or hub_token),
        host=_host(str(content.get("hostname", ""))),
    )


def _host(hostname: str) -> str:
    """Where it listens; loopback where it listens everywhere."""
    if hostname in ("::", "::1"):
        return "::1"
    return hostname if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", hostname) and hostname != "0.0.0.0" else "127.0.0.1"


def _runtime_folders(environment: dict[str, str], home: str) -> Iterator[str]:
    """Where Jupyter puts its files, the likeliest first."""
    if environment.get("JUPYTER_RUNTIME_DIR"):
        yield environment["JUPYTER_RUNTIME_DIR"]
    if environment.get("JUPYTER_DATA_DIR"):
        yield f"{environment['JUPYTER_DATA_DIR']}/runtime"
    yield f"{environment.get('XDG_DATA_HOME') or f'{home}/.local/share'}/jupyter/runtime"
    if environment.get("XDG_RUNTIME_DIR"):
        yield f"{environment['XDG_RUNTIME_DIR']}/jupyter"


def _inner_pid(process: Path) -> int:
    """The pid that the process has in its own container."""
    for line in (process / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return int(process.name)


def _environment(process: Path) -> dict[str, str]:
    raw = (process / "environ").read_bytes()[:MAX_ENVIRONMENT_BYTES].decode("utf-8", "surrogateescape")
    return dict(each.split("=", 1) for each in raw.split("\0") if "=" in each)

"""Jupyter servers among the running processes, and how to reach each one.

A server writes jpserver-PID.json (Notebook up to version 6: nbserver-PID.json) into its runtime folder. A killed server
leaves the file behind, so the search starts with the running processes. Users can write anything into these files.
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
"""Subcommands of the same programs that do not start a server."""

RUNTIME_FILES = ("jpserver-{}.json", "nbserver-{}.json")

PYTHON = re.compile(r"python(\d+(\.\d+)?)?$")
BASE_URL = re.compile(r"/[\w.~%@:/-]*$")
MAX_ENVIRONMENT_BYTES = 1_048_576


@dataclass(frozen=True)
class Server:
    """The process of a server.

    :param started: start time; together with the pid it is unique
    :param program: name of the program, such as "jupyter-lab"
    """

    pid: int
    started: int
    program: str


class UnreachableServer(Exception):
    """Raised for a running server that cannot be reached; the message is the reason."""


class SilentServer(UnreachableServer):
    """Raised for a server that does not answer at all. Another request would only wait, too."""


@dataclass(frozen=True)
class Access:
    """How to reach a server from its own network namespace.

    :param base_url: path before `api`, with slashes at both ends
    """

    port: int
    base_url: str
    is_secure: bool
    token: str = field(repr=False)
    host: str = "127.0.0.1"


def find_servers() -> list[Server]:
    """Return the Jupyter servers that run on this instance, in containers too."""
    programs = ((process, find_server_program(read_arguments(process.pid))) for process in list_processes())
    return [Server(process.pid, process.started, program) for process, program in programs if program]


def find_server_program(command_line: Sequence[str]) -> str | None:
    """Return the program name if this is the command line of a server, else None."""
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
    """Find out how to reach the server of a process.

    :raises UnreachableServer: it has no runtime file, or an invalid one
    """
    process = proc / str(pid)
    try:
        inner_pid = _read_inner_pid(process)
        environment = _read_environment(process)
        home = environment.get("HOME") or pwd.getpwuid(process.stat().st_uid).pw_dir
    except (OSError, KeyError, ValueError) as error:
        raise UnreachableServer(f"its process cannot be read: {type(error).__name__}") from error
    for folder in _list_runtime_folders(environment, home):
        for name in RUNTIME_FILES:
            # Through the root folder of the process, because the server may run in a container.
            file = process / "root" / folder.lstrip("/") / name.format(inner_pid)
            try:
                return _parse_access(read_user_file(file), inner_pid, environment.get("JUPYTERHUB_API_TOKEN", ""))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                raise UnreachableServer(f"its runtime file cannot be read: {error}"[:120]) from error
    raise UnreachableServer("it has no runtime file")


def _parse_access(content: Any, pid: int, hub_token: str) -> Access:
    if content["pid"] != pid:
        raise ValueError("it belongs to another process")
    if content.get("sock"):
        raise ValueError("the server listens on a Unix socket")
    port, base_url = int(content["port"]), str(content["base_url"])
    if not 0 < port < 65_536 or not BASE_URL.match(base_url):
        raise ValueError("invalid port or base_url")
    return Access(
        port=port,
        base_url=f"{base_url.rstrip('/')}/",
        is_secure=bool(content.get("secure")),
        # A server of JupyterHub has no token in its runtime file, but accepts the one that it got from the hub.
        token=str(content.get("token") or hub_token),
        host=_find_host(str(content.get("hostname", ""))),
    )


def _find_host(hostname: str) -> str:
    """Return the address on which the server listens; loopback if it listens on all."""
    if hostname in ("::", "::1"):
        return "::1"
    return hostname if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", hostname) and hostname != "0.0.0.0" else "127.0.0.1"


def _list_runtime_folders(environment: dict[str, str], home: str) -> Iterator[str]:
    """Yield the folders where Jupyter may write its files, the most likely one first."""
    if environment.get("JUPYTER_RUNTIME_DIR"):
        yield environment["JUPYTER_RUNTIME_DIR"]
    if environment.get("JUPYTER_DATA_DIR"):
        yield f"{environment['JUPYTER_DATA_DIR']}/runtime"
    yield f"{environment.get('XDG_DATA_HOME') or f'{home}/.local/share'}/jupyter/runtime"
    if environment.get("XDG_RUNTIME_DIR"):
        yield f"{environment['XDG_RUNTIME_DIR']}/jupyter"


def _read_inner_pid(process: Path) -> int:
    """Return the pid of the process inside its container."""
    for line in (process / "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return int(process.name)


def _read_environment(process: Path) -> dict[str, str]:
    raw = (process / "environ").read_bytes()[:MAX_ENVIRONMENT_BYTES].decode("utf-8", "surrogateescape")
    return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)

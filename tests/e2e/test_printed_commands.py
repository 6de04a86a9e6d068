"""Runs the commands of the README and the docs as they are printed, in a copy of the checkout.

Only the ports differ: tests run at the same time, so the local cloud and gpudesk choose free ones.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Start
from tests.e2e.printed_commands import list_printed_commands
from tests.e2e.runs import ONE_REGION, REPOSITORY

LOCAL_CLOUD = Path("docs/local-cloud.md")
"""The last page: its commands change the speed of the clock and inject faults."""

PAGES = [
    Path("README.md"),
    Path("CONTRIBUTING.md"),
    *sorted({path.relative_to(REPOSITORY) for path in (REPOSITORY / "docs").glob("*.md")} - {LOCAL_CLOUD}),
    LOCAL_CLOUD,
]
BEFORE_SERVING = re.compile(r"cp -r examples|make build-documents")
"""Commands that add a recipe, which gpudesk reads when it starts."""

LAUNCH_OTHER = """curl -s -H "$T" -H "$J" -d '{"gpu": "T4", "recipe": "jupyter", "name": "brave-otter"}' $A/instances"""
"""Launches the instance that the docs call brave-otter; the README launches my-first."""

LONG_IDLE_WINDOW = (
    """curl -s -X PATCH -H "Authorization: Bearer $(cat .gpudesk/8000/token)" -H 'Content-Type: application/json' """
    """-d '{"defaults": {"idle_policy": {"idle_minutes": 120}}}' http://127.0.0.1:8000/desk"""
)
"""Lets no instance be stopped for idleness on a slow computer: at this speed, 30 minutes are 15 seconds."""

HISTORY = """\
{"at": "2026-01-05T10:00:00Z", "event": "ready"}
{"at": "2026-01-05T10:01:00Z", "event": "heartbeat", "signals": {"gpu": {"state": "active", "reason": "97 %"}}}
{"at": "2026-01-05T10:02:00Z", "event": "end"}
"""
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".uv", ".gpudesk", ".*_cache", ".hypothesis", "build", "*.pyc")
READY_TIMEOUT_SECONDS = 60


class Shell:
    """One bash in a folder. Its curl fails if the server answers with an error."""

    def __init__(self, folder: Path) -> None:
        (folder / ".curlrc").write_text("fail-with-body\nmax-time = 20\n")
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "CURL_HOME": str(folder),
                "HOME": str(folder),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Run a command and return its exit status and its output."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\nstatus=$?; echo; echo @end $status\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith("@end "):
                return int(line.removeprefix("@end ")), "".join(lines)
            lines.append(line)
        raise AssertionError(f"The shell ended: {''.join(lines)}")

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.communicate()


class Served:
    """A served gpudesk with its local cloud.

    :param lines: what the run printed: the second line has the addresses of both
    """

    def __init__(self, folder: Path, lines: list[str]) -> None:
        cloud, api = re.findall(r"http://[0-9.:]+", lines[1])
        self._api = api
        self._ports = {"4566": cloud.rpartition(":")[2], "8000": api.rpartition(":")[2]}
        self._token = (folder / ".gpudesk" / self._ports["8000"] / "token").read_text().strip()

    def replace_ports(self, command: str) -> str:
        """Return the command with the ports of this run instead of the printed ones."""
        return re.sub(r"\b(4566|8000)\b", lambda match: self._ports[match[0]], command)

    def wait_until_ready(self) -> None:
        """Wait until every instance is ready and no benchmark runs."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not all(_is_ready(instance) for instance in self._list_instances()):
            assert time.monotonic() < deadline, self._list_instances()
            time.sleep(0.2)

    def _list_instances(self) -> list[Any]:
        request = urllib.request.Request(f"{self._api}/instances", headers={"Authorization": f"Bearer {self._token}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                items: list[Any] = json.load(answer)["items"]
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:  # after a fault that a page has injected
                raise
            return self._list_instances()
        return items


def _is_ready(instance: Any) -> bool:
    benchmark = instance["status"]["benchmark"]
    return instance["phase"] == "ready" and (benchmark is None or benchmark["state"] != "running")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the checkout that shares what is installed in the virtual environment."""
    shutil.copytree(REPOSITORY, tmp_path, ignore=NOT_COPIED, dirs_exist_ok=True)
    (tmp_path / ".venv").mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (tmp_path / ".venv" / part).symlink_to(Path(sys.prefix) / part)
    (tmp_path / ".uv" / "bin").mkdir(parents=True)
    for target in (".uv/bin/uv", ".venv/.ready"):
        (tmp_path / target).touch()  # for make, the copy is set up
    (tmp_path / "history.jsonl").write_text(HISTORY)
    return tmp_path


@pytest.fixture
def shell(checkout: Path) -> Iterator[Shell]:
    """Return a shell in the copy of the checkout."""
    opened = Shell(checkout)
    yield opened
    opened.close()


def test_every_printed_line_is_run_or_excluded_with_a_reason() -> None:
    unknown = [
        f"{page}: {printed.line}"
        for page in PAGES
        for printed in list_printed_commands(REPOSITORY / page)
        if printed.command is None
    ]
    assert unknown == []


def test_printed_commands_succeed(start: Start, checkout: Path, shell: Shell) -> None:
    commands = [
        printed.command for page in PAGES for printed in list_printed_commands(REPOSITORY / page) if printed.command
    ]
    assert len(commands) > 40
    failures = [*_find_failures(shell, (command for command in commands if BEFORE_SERVING.match(command)))]
    run = start(DEMO="0", SIMULATE="1", SPEED="120", REGIONS=ONE_REGION, PYTHONPATH=str(checkout))
    run.read_until("log ")
    served = Served(checkout, run.lines)
    assert shell.run(served.replace_ports(LONG_IDLE_WINDOW))[0] == 0
    first = next(number for number, command in enumerate(commands) if "my-first" in command) + 1
    ordered = [*commands[:first], LAUNCH_OTHER, *commands[first:]]
    failures += _find_failures(shell, (each for each in ordered if not BEFORE_SERVING.match(each)), served)
    assert failures == []


def _find_failures(shell: Shell, commands: Iterable[str], served: Served | None = None) -> Iterator[str]:
    """Run the commands, each when all instances are ready, and yield those that failed with their output."""
    for command in commands:
        if served:
            served.wait_until_ready()
        status, output = shell.run(served.replace_ports(command) if served else command)
        if status != 0:
            yield f"{command}\nexit status {status}: {output}"

"""Messages to real terminals, and the commands that people call, as real processes."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.activity.evidence import State
from chalicelib.domain.activity.orders import Answer
from chalicelib.domain.activity.policy import Thresholds
from ssm_documents.embed import probe_zipapp
from ssm_documents.probe import commands
from ssm_documents.probe.files import Places
from ssm_documents.probe.history import History
from ssm_documents.probe.people import People
from ssm_documents.probe.signals.hold import HoldSensor
from ssm_documents.probe.signals.jupyter_servers import NotAskable, Server
from ssm_documents.probe.wishes import Wishes
from tests.documents.pretend import MINUTE, QUIET, START

SERVER = Server(pid=1, started=1, program="jupyter-lab")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder with one real terminal in it, and the end that a person sits at."""
    person, program = pty.openpty()
    folder = tmp_path / "pts"
    folder.mkdir()
    (folder / "0").symlink_to(os.ttyname(program))
    (folder / "ptmx").touch()
    yield folder, person
    os.close(person)
    os.close(program)


def test_a_message_reaches_a_real_terminal_and_nothing_in_it_is_a_control_character(
    terminal: tuple[Path, int],
) -> None:
    folder, person = terminal
    reached = People(folder, servers=list).tell("gpudesk: stops at 09:40\x1b[2J\nrm -rf / \x07")
    assert (reached.terminals, reached.notebooks) == (1, 0)
    seen = os.read(person, 4096).decode()
    assert "gpudesk: stops at 09:40" in seen
    assert "\x1b" not in seen
    assert len(re.findall(r"\r+\n", seen)) == 2


def test_a_terminal_that_nobody_reads_from_holds_nothing_up_and_counts_as_not_reached(
    terminal: tuple[Path, int],
) -> None:
    folder, _ = terminal
    people = People(folder, servers=list)
    for _ in range(2000):
        if not people.tell("x" * 200):
            return
    raise AssertionError("its buffer has no end")


def test_nobody_there_is_nobody_reached(tmp_path: Path) -> None:
    assert not People(tmp_path, servers=list).tell("hello")


def test_a_notebook_counts_where_it_took_the_message_and_a_browser_is_connected(tmp_path: Path) -> None:
    def refuses(_: Server, __: str) -> bool:
        raise NotAskable("it has no such thing")

    assert People(tmp_path, lambda: [SERVER], lambda _, __: True).tell("hello").notebooks == 1
    assert People(tmp_path, lambda: [SERVER], lambda _, __: False).tell("hello").notebooks == 0
    assert People(tmp_path, lambda: [SERVER], refuses).tell("hello").notebooks == 0


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe as a machine has it: one file."""
    path = tmp_path_factory.mktemp("probe") / "probe.pyz"
    path.write_bytes(probe_zipapp())
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path)
    found.make()
    return found


def start(program: Path, places: Places, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "GPUDESK_STATE": str(places.root)}
    command = [sys.executable, str(program), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(program: Path, places: Places, *arguments: str) -> tuple[int, str, str]:
    process = start(program, places, *arguments)
    out, errors = process.communicate(timeout=30)
    return process.returncode, out, errors


def held(places: Places) -> State:
    return HoldSensor(places.holds, lambda: datetime.now(UTC)).read(Thresholds()).state


def test_the_machine_is_held_for_as_long_as_the_command_runs(program: Path, places: Places) -> None:
    process = start(program, places, "hold", "sh", "-c", "echo begun; exec sleep 61")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    assert held(places) is State.ACTIVE
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM, "passed on to the command, whose end it reports"
    assert held(places) is State.QUIET
    assert list(places.holds.iterdir()) == []
    process.communicate()


def test_a_hold_that_is_killed_holds_nothing(program: Path, places: Places) -> None:
    process = start(program, places, "hold", "sh", "-c", "echo begun; exec sleep 60")
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait(timeout=30)
    assert held(places) is State.QUIET
    subprocess.run(["pkill", "-f", "^sleep 60$"], check=False)
    process.communicate()


def test_hold_gives_the_commands_own_status_and_says_what_cannot_be_run(program: Path, places: Places) -> None:
    assert run(program, places, "hold", "--reason", "r", "--", "sh", "-c", "exit 3")[0] == 3
    status, _, errors = run(program, places, "hold", "no-such-program")
    assert status == 127
    assert "no-such-program" in errors


@pytest.mark.parametrize(
    "wrong", [[], ["--for", "3h", "ls"], ["--until", "2026-11-24T18:00"], ["--for", "3 weeks"], ["--for", "-1h"]]
)
def test_a_hold_that_makes_no_sense_is_refused_and_holds_nothing(
    program: Path, places: Places, wrong: list[str]
) -> None:
    assert run(program, places, "hold", *wrong)[0] == 2
    assert held(places) is State.QUIET


def test_a_hold_with_an_end_holds_until_then(program: Path, places: Places) -> None:
    assert run(program, places, "hold", "--for", "2h")[0] == 0
    assert held(places) is State.ACTIVE
    later = HoldSensor(places.holds, lambda: datetime.now(UTC) + timedelta(hours=3))
    assert later.read(Thresholds()).state is State.QUIET


def test_keep_waits_for_the_desks_answer_and_gives_it(program: Path, places: Places) -> None:
    process = start(program, places, "keep", "90m")
    assert process.stdout is not None
    process.stdout.readline()
    wishes = Wishes(places.wishes, places.answers)
    wish = wishes.pending()
    assert wish is not None
    assert wish.hours == 1.5
    wishes.answered(Answer(id=wish.id, granted=True, sentence="kept until 18:00 UTC"))
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "Granted: kept until 18:00 UTC\n")
    assert wishes.pending() is None


def test_a_refused_keep_fails_with_why(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.keep(["4h"], places, wait_seconds=0) == 1
    assert "goes on asking" in capsys.readouterr().err
    wishes = Wishes(places.wishes, places.answers)
    wish = wishes.pending()
    assert wish is not None
    wishes.answered(Answer(id=wish.id, granted=False, sentence="its maximum hours are over"))
    assert json.loads((places.answers / f"{wish.id}.json").read_text())["granted"] is False


STATUS: dict[str, Any] = {
    "at": "2026-11-23T12:00:00Z",
    "signals": {"gpu": {"state": "quiet", "since": "2026-11-23T11:00:00Z", "reason": "the GPU is below 5 %"}},
    "orders": {
        "mode": "act",
        "idle_minutes": 30,
        "warning_minutes": 10,
        "signals": ["gpu"],
        "thresholds": [5, 25, 1024, 100],
        "keep_until": 1795500000,
        "warning": ["idle-1", "idle", 1795500000],
        "answer": ["1-a", True, "kept until then"],
    },
    "stops_itself_at": "2026-11-23T12:10:00Z",
    "missed": 3,
}


def test_status_tells_what_the_probe_knows(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.status([], places) == 1
    assert "systemctl status gpudesk-probe" in capsys.readouterr().err
    places.status.write_text(json.dumps(STATUS))
    assert commands.status([], places) == 0
    told = capsys.readouterr().out
    for part in ("gpu       quiet", "below 5 %", "30 idle minutes", "Kept until", "WARNING", "3 heartbeats"):
        assert part in told


def test_history_is_printed_from_a_time_on(program: Path, places: Places) -> None:
    history = History(places.history)
    for number in range(5):
        history.heartbeat(START + number * MINUTE, {"gpu": QUIET})
    status, out, _ = run(program, places, "history", "--since", "2026-11-23T12:03Z")
    assert status == 0
    assert [json.loads(line)["at"] for line in out.splitlines()] == ["2026-11-23T12:03:00Z", "2026-11-23T12:04:00Z"]

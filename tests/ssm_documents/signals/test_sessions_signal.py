"""Sessions signal with real terminals, real shells and a real tmux.

Other tools fail in these cases: unused logins, terminals of containers, tunnels, detached tmux.
"""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from chalicelib.domain.idle.evidence import SignalState
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.processes import Process, list_processes
from ssm_documents.probe.signals.sessions import SessionsSensor
from ssm_documents.probe.signals.terminals import Terminal, describe_terminal, list_terminals
from tests.support.sensor_fixtures import build_process, read_sensor
from tests.support.tmux import Tmux, needs_tmux

LONG_AGO = (1_000, 1_000)
"""Access and change time given to a terminal. The kernel updates them only every 8 seconds."""


class Shell:
    """A login: a terminal with a shell. `terminal_folder` has a link with its number, as /dev/pts has."""

    def __init__(self, terminal_folder: Path) -> None:
        self.screen, self._inside = pty.openpty()
        self.path = Path(os.ttyname(self._inside))
        self.link = terminal_folder / self.path.name
        self.link.symlink_to(self.path)
        self.is_open = True
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "sh"], stdin=self._inside, stdout=self._inside, stderr=self._inside
        )
        self.type("echo read''y", "ready")
        os.utime(self.path, LONG_AGO)

    @property
    def name(self) -> str:
        return f"pts/{self.path.name}"

    def type(self, text: str, answer: str) -> None:
        """Type a line and wait for the output `answer`."""
        os.write(self.screen, f"{text}\n".encode())
        observation = b""
        while answer.encode() not in observation:
            observation += os.read(self.screen, 1000)

    def print(self, text: str) -> None:
        """Print as a program in the terminal does."""
        os.write(self._inside, text.encode())

    def close(self) -> None:
        self.is_open = False
        self.link.unlink()
        self.process.kill()
        self.process.wait()
        os.close(self.screen)
        os.close(self._inside)


@pytest.fixture
def login(terminal_folder: Path) -> Iterator[Callable[[], Shell]]:
    shells: list[Shell] = []

    def new() -> Shell:
        shells.append(Shell(terminal_folder))
        return shells[-1]

    yield new
    for shell in shells:
        if shell.is_open:
            shell.close()


def sensor(terminal_folder: Path, processes: Callable[[], Sequence[Process]] = list) -> SessionsSensor:
    return SessionsSensor(terminal_folder, processes)


def test_instance_without_logins_is_quiet(terminal_folder: Path) -> None:
    assert read_sensor(sensor(terminal_folder)) == Reading(SignalState.QUIET, "nobody is logged in")


def test_unused_login_is_quiet(terminal_folder: Path, login: Callable[[], Shell]) -> None:
    login()
    one = sensor(terminal_folder)
    assert [read_sensor(one) for _ in range(2)] == [Reading(SignalState.QUIET, "1 terminal open, not used")] * 2


def test_typing_is_active_once_and_names_the_user(terminal_folder: Path, login: Callable[[], Shell]) -> None:
    login()
    shell = login()
    one = SessionsSensor(terminal_folder)
    read_sensor(one)
    shell.type("echo hel''lo", "hello")
    reading = read_sensor(one)
    assert (reading.state, reading.reason) == (SignalState.ACTIVE, f"{shell.name} of root (sh) was used")
    assert read_sensor(one).state is SignalState.QUIET


def test_program_output_is_not_activity(terminal_folder: Path, login: Callable[[], Shell]) -> None:
    shell = login()
    one = sensor(terminal_folder)
    read_sensor(one)
    shell.print("step 100 of 1000\n")
    assert read_sensor(one).state is SignalState.QUIET


def test_login_since_the_last_reading_is_active_and_a_logout_is_not(
    terminal_folder: Path, login: Callable[[], Shell]
) -> None:
    one = sensor(terminal_folder)
    read_sensor(one)
    shell = login()
    assert read_sensor(one).state is SignalState.ACTIVE
    assert read_sensor(one).state is SignalState.QUIET
    shell.close()
    assert read_sensor(one) == Reading(SignalState.QUIET, "nobody is logged in")


def test_terminals_are_listed_again_after_there_were_none(terminal_folder: Path, login: Callable[[], Shell]) -> None:
    """A list that was empty once must not stay empty."""
    one = sensor(terminal_folder)
    for _ in range(3):
        read_sensor(one)
    shell = login()
    read_sensor(one)
    shell.type("echo aga''in", "again")
    assert read_sensor(one).state is SignalState.ACTIVE


def test_reused_terminal_number_is_a_new_login(terminal_folder: Path, login: Callable[[], Shell]) -> None:
    one = sensor(terminal_folder)
    first = login()
    read_sensor(one)
    first.close()
    second = login()
    os.utime(second.path, (2_000, 2_000))
    assert read_sensor(one).state is SignalState.ACTIVE


def test_ssh_without_a_terminal_is_quiet(terminal_folder: Path) -> None:
    """`ssh -N` runs sshd, but opens no terminal."""
    one = sensor(terminal_folder, lambda: [build_process("sshd"), build_process("sshd: ada@notty")])
    assert [read_sensor(one).state for _ in range(2)] == [SignalState.QUIET] * 2


def test_ssm_session_is_a_terminal_like_any_other(terminal_folder: Path, login: Callable[[], Shell]) -> None:
    shell = login()
    worker = build_process("ssm-session-wor")
    one = sensor(terminal_folder, lambda: [worker, build_process("sh", terminal=shell.path.stat().st_rdev)])
    read_sensor(one)
    shell.type("echo hel''lo", "hello")
    assert read_sensor(one).reason.startswith(f"{shell.name} of ")


def test_terminals_of_containers_do_not_count() -> None:
    """A container has its own terminals. Number 0 in it is not number 0 of the instance."""
    code = """
import fcntl, os, pty, sys, termios
os.setsid()
_, inside = pty.openpty()
fcntl.ioctl(inside, termios.TIOCSCTTY, 0)
print(os.ttyname(inside), flush=True)
sys.stdin.read()
"""
    mount = "mount -t devpts -o newinstance,ptmxmode=0666 none /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx"
    command = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$0" -c "$1"', sys.executable, code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as contained:
        assert contained.stdout
        if contained.stdout.readline().strip() != b"/dev/pts/0":
            pytest.skip("this computer does not permit a new devpts")
        held = [each for each in list_processes() if each.pid == contained.pid]
        assert held[0].terminal == os.makedev(136, 0)
        assert describe_terminal(Terminal("pts/0", held[0].terminal, 0, 1), held) == "pts/0 of root"


def test_terminal_of_a_deleted_user_is_named_by_number() -> None:
    assert describe_terminal(Terminal("pts/0", 1, 4_000_000_000, 1), []) == "pts/0 of user 4000000000"


def test_only_terminals_are_listed(terminal_folder: Path) -> None:
    (terminal_folder / "ptmx").touch()
    (terminal_folder / "7").touch()
    (terminal_folder / "8").symlink_to(terminal_folder / "gone")
    assert [open_terminal.name for open_terminal in list_terminals(terminal_folder)] == ["pts/7"]


@needs_tmux
def test_detached_tmux_is_quiet_but_counted_and_typing_in_it_is_active(tmp_path: Path, terminal_folder: Path) -> None:
    tmux = Tmux(tmp_path)
    tmux("new-session", "-d", "sh")
    try:
        pane, server = tmux("display", "-p", "#{pane_tty} #{pid}").split()
        (terminal_folder / Path(pane).name).symlink_to(pane)
        tmux("send-keys", "tmux wait-for -S ready", "Enter")
        tmux("wait-for", "ready")
        os.utime(pane, LONG_AGO)
        one = sensor(terminal_folder, lambda: [each for each in list_processes() if each.pid == int(server)])
        live_counts = {"tmux": 1}
        assert [read_sensor(one) for _ in range(2)] == [
            Reading(SignalState.QUIET, "1 terminal open, not used", live_counts)
        ] * 2
        tmux("send-keys", "tmux wait-for -S typed", "Enter")
        tmux("wait-for", "typed")
        reading = read_sensor(one)
        assert (reading.state, reading.live_counts) == (SignalState.ACTIVE, live_counts)
    finally:
        tmux("kill-server")


def test_screens_are_counted_by_their_servers_not_by_their_clients(terminal_folder: Path) -> None:
    one = sensor(
        terminal_folder,
        lambda: [build_process("screen", 1), build_process("screen", 2), build_process("screen", 3, terminal=34_816)],
    )
    assert read_sensor(one).live_counts == {"screen": 2}

"""People by what they do: real terminals with real shells, a real tmux, and an editor's server with real connections.

The cases are those that other tools get wrong: presence taken for use, containers' terminals, tunnels, detached tmux.
"""

import os
import pty
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.editors import Editors
from ssm_documents.probe.signals.namespaces import call_in_network
from ssm_documents.probe.signals.processes import Process, list_processes
from ssm_documents.probe.signals.sessions import SessionsSensor
from ssm_documents.probe.signals.sockets import Socket, list_tcp_sockets
from ssm_documents.probe.signals.terminals import Terminal, describe_terminal, list_terminals
from tests.support.sensor_fixtures import build_stopwatch
from tests.support.tmux import Tmux, needs_tmux

LONG_AGO = (1_000, 1_000)
"""Access time that a terminal is given, for the kernel sets it no more often than each eight seconds."""


class Shell:
    """A login: a terminal, and a shell that it controls. It bears its number in `folder`, as in /dev/pts."""

    def __init__(self, folder: Path) -> None:
        self.screen, self._inside = pty.openpty()
        self.path = Path(os.ttyname(self._inside))
        self.link = folder / self.path.name
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

    def type(self, words: str, answer: str) -> None:
        """Type, and wait for the answer."""
        os.write(self.screen, f"{words}\n".encode())
        observation = b""
        while answer.encode() not in observation:
            observation += os.read(self.screen, 1000)

    def print(self, words: str) -> None:
        """What a program does that nobody types to."""
        os.write(self._inside, words.encode())

    def close(self) -> None:
        self.is_open = False
        self.link.unlink()
        self.process.kill()
        self.process.wait()
        os.close(self.screen)
        os.close(self._inside)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the terminals of this test are, and no other's."""
    path = tmp_path / "pts"
    path.mkdir()
    return path


@pytest.fixture
def login(folder: Path) -> Iterator[Callable[[], Shell]]:
    shells: list[Shell] = []

    def new() -> Shell:
        shells.append(Shell(folder))
        return shells[-1]

    yield new
    for shell in shells:
        if shell.is_open:
            shell.close()


def sensor(folder: Path, processes: Callable[[], Sequence[Process]] = list) -> SessionsSensor:
    return SessionsSensor(folder, processes)


def read(one: SessionsSensor) -> Reading:
    return one.read(Thresholds())


def process(name: str, pid: int = 4242, terminal: int = 0) -> Process:
    return Process(pid, name, pid, terminal, 1, 0.0, 0.0)


def test_instance_without_logins_is_quiet(folder: Path) -> None:
    assert read(sensor(folder)) == Reading(SignalState.QUIET, "nobody is logged in")


def test_unused_login_is_quiet(folder: Path, login: Callable[[], Shell]) -> None:
    login()
    one = sensor(folder)
    assert [read(one) for _ in range(2)] == [Reading(SignalState.QUIET, "1 terminal open, not used")] * 2


def test_typing_is_active_once_and_names_the_user(folder: Path, login: Callable[[], Shell]) -> None:
    login()
    shell = login()
    one = SessionsSensor(folder)
    read(one)
    shell.type("echo hel''lo", "hello")
    reading = read(one)
    assert (reading.state, reading.reason) == (SignalState.ACTIVE, f"{shell.name} of root (sh) was used")
    assert read(one).state is SignalState.QUIET


def test_program_output_is_not_activity(folder: Path, login: Callable[[], Shell]) -> None:
    shell = login()
    one = sensor(folder)
    read(one)
    shell.print("step 100 of 1000\n")
    assert read(one).state is SignalState.QUIET


def test_login_since_the_last_reading_is_active_and_a_logout_is_not(folder: Path, login: Callable[[], Shell]) -> None:
    one = sensor(folder)
    read(one)
    shell = login()
    assert read(one).state is SignalState.ACTIVE
    assert read(one).state is SignalState.QUIET
    shell.close()
    assert read(one) == Reading(SignalState.QUIET, "nobody is logged in")


def test_terminals_are_listed_again_after_there_were_none(folder: Path, login: Callable[[], Shell]) -> None:
    """After a stop and start, others' list stayed empty for good."""
    one = sensor(folder)
    for _ in range(3):
        read(one)
    shell = login()
    read(one)
    shell.type("echo aga''in", "again")
    assert read(one).state is SignalState.ACTIVE


def test_reused_terminal_number_is_a_new_login(folder: Path, login: Callable[[], Shell]) -> None:
    one = sensor(folder)
    first = login()
    read(one)
    first.close()
    second = login()
    os.utime(second.path, (2_000, 2_000))
    assert read(one).state is SignalState.ACTIVE


def test_ssh_without_a_terminal_is_quiet(folder: Path) -> None:
    """`ssh -N` and its like: sshd runs, nobody types."""
    one = sensor(folder, lambda: [process("sshd"), process("sshd: ada@notty")])
    assert [read(one).state for _ in range(2)] == [SignalState.QUIET] * 2


def test_ssm_session_is_a_terminal_like_any_other(folder: Path, login: Callable[[], Shell]) -> None:
    shell = login()
    worker = process("ssm-session-wor")
    one = sensor(folder, lambda: [worker, process("sh", terminal=shell.path.stat().st_rdev)])
    read(one)
    shell.type("echo hel''lo", "hello")
    assert read(one).reason.startswith(f"{shell.name} of ")


def test_terminals_of_containers_do_not_count() -> None:
    """In a list of terminals of its own, as Docker makes it, number 0 is held by a process that others must not see."""
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
            pytest.skip("this computer lets nobody make a list of terminals")
        held = [each for each in list_processes() if each.pid == contained.pid]
        assert held[0].terminal == os.makedev(136, 0)
        assert describe_terminal(Terminal("pts/0", held[0].terminal, 0, 1), held) == "pts/0 of root"


def test_terminal_of_a_deleted_user_is_named_by_number() -> None:
    assert describe_terminal(Terminal("pts/0", 1, 4_000_000_000, 1), []) == "pts/0 of user 4000000000"


def test_only_terminals_are_listed(folder: Path) -> None:
    (folder / "ptmx").touch()
    (folder / "7").touch()
    (folder / "8").symlink_to(folder / "gone")
    assert [open_terminal.name for open_terminal in list_terminals(folder)] == ["pts/7"]


@needs_tmux
def test_detached_tmux_is_quiet_but_counted_and_typing_in_it_is_active(tmp_path: Path, folder: Path) -> None:
    tmux = Tmux(tmp_path)
    tmux("new-session", "-d", "sh")
    try:
        pane, server = tmux("display", "-p", "#{pane_tty} #{pid}").split()
        (folder / Path(pane).name).symlink_to(pane)
        tmux("send-keys", "tmux wait-for -S ready", "Enter")
        tmux("wait-for", "ready")
        os.utime(pane, LONG_AGO)
        one = sensor(folder, lambda: [each for each in list_processes() if each.pid == int(server)])
        live_counts = {"tmux": 1}
        assert [read(one) for _ in range(2)] == [
            Reading(SignalState.QUIET, "1 terminal open, not used", live_counts)
        ] * 2
        tmux("send-keys", "tmux wait-for -S typed", "Enter")
        tmux("wait-for", "typed")
        reading = read(one)
        assert (reading.state, reading.live_counts) == (SignalState.ACTIVE, live_counts)
    finally:
        tmux("kill-server")


def test_screens_are_counted_by_their_servers_not_by_their_clients(folder: Path) -> None:
    one = sensor(folder, lambda: [process("screen", 1), process("screen", 2), process("screen", 3, terminal=34_816)])
    assert read(one).live_counts == {"screen": 2}


class EditorServer:
    """A process that an editor leaves behind, and a window that is connected to it.

    :param network: the command that gives the process a network of its own, where the window is, too
    """

    CODE = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
window, _ = server.accept()
while received := window.recv(65536):
    window.sendall(b"x" * len(received))
"""

    def __init__(self, folder: Path, *network: str) -> None:
        program = folder / ".vscode-server" / "server-main.js"
        program.parent.mkdir()
        program.write_text(self.CODE, encoding="utf-8")
        self.process = subprocess.Popen([*network, sys.executable, str(program)], stdout=subprocess.PIPE)
        assert self.process.stdout
        port = self.process.stdout.readline()
        if not port:
            pytest.skip("this computer lets nobody make a network")
        address = ("127.0.0.1", int(port))
        self.window = call_in_network(self.process.pid, lambda: socket.create_connection(address, timeout=20))

    def send(self, size: int) -> None:
        """From the window to the server; ends when all of it has arrived."""
        self.window.sendall(b"x" * size)
        while size:
            size -= len(self.window.recv(65_536))

    def running(self) -> list[Process]:
        return [each for each in list_processes() if each.pid == self.process.pid]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.window.close()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


CONTAINED = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')


@pytest.mark.skipif(shutil.which("ss") is None, reason="ss is not installed here")
@pytest.mark.parametrize("network", [(), CONTAINED], ids=["here", "in a container"])
def test_editor_window_is_active_by_its_traffic_not_by_being_open(
    tmp_path: Path, folder: Path, network: Sequence[str]
) -> None:
    with EditorServer(tmp_path, *network) as editor:
        one = SessionsSensor(folder, editor.running, Editors(stopwatch=build_stopwatch()))
        editor.send(100_000)
        assert read(one) == Reading(SignalState.QUIET, "VS Code open, not used")
        editor.send(1_000)
        assert read(one).state is SignalState.QUIET
        editor.send(20_000)
        assert read(one) == Reading(SignalState.ACTIVE, "somebody works in VS Code")
        assert read(one).state is SignalState.QUIET


def test_editor_with_unreadable_connections_is_unknown(folder: Path) -> None:
    def broken(pid: int) -> list[Socket]:
        raise FileNotFoundError("ss")

    server = Editors(broken, lambda pid: ["/home/ada/.cursor-server/node", "main.js"], network=lambda pid: 1)
    one = SessionsSensor(folder, lambda: [process("node")], server)
    assert read(one) == Reading(SignalState.UNKNOWN, "editor connections cannot be listed: FileNotFoundError: ss")
    nobody = SessionsSensor(folder, lambda: [process("node")], Editors(broken, lambda pid: ["node", "mine.js"]))
    assert read(nobody).state is SignalState.QUIET


LISTING = """\
LISTEN 0 511 127.0.0.1:40001 0.0.0.0:* users:(("node",pid=10,fd=18)) ino:1 sk:1 cgroup:/ <-> cubic cwnd:10
ESTAB 0 0 127.0.0.1:40001 127.0.0.1:50000 users:(("node",pid=11,fd=5)) ino:2 sk:2 <-> ts bytes_received:{window}
ESTAB 0 0 127.0.0.1:50000 127.0.0.1:40001 users:(("sshd",pid=9,fd=5)) ino:3 sk:3 <-> ts bytes_received:{others}
ESTAB 0 0 127.0.0.1:40001 127.0.0.1:50001 users:(("node",pid=10,fd=6)) ino:4 sk:4 <-> ts bytes_received:{others}
ESTAB 0 0 127.0.0.1:50001 127.0.0.1:40001 users:(("node",pid=11,fd=6)) ino:5 sk:5 <-> ts bytes_received:{others}
ESTAB 0 0 10.0.0.5:50002 140.82.112.21:443 users:(("node",pid=11,fd=7)) ino:6 sk:6 <-> ts bytes_received:{others}
"""


def editors(listings: list[str]) -> Editors:
    return Editors(
        lambda pid: list_tcp_sockets(lambda: listings.pop(0)),
        lambda pid: ["/home/ada/.vscode-server/bin/node", "main.js"] if pid in (10, 11) else ["sshd"],
        build_stopwatch(),
        lambda pid: 1,
    )


@pytest.mark.parametrize(("window", "used"), [(4_096, None), (4_097, "VS Code")])
def test_only_traffic_from_windows_above_the_keep_alive_counts(window: int, used: str | None) -> None:
    """Not what the server's parts tell each other, nor what it downloads, nor what it sends."""
    one = editors([LISTING.format(window=0, others=0), LISTING.format(window=window, others=10**7)])
    processes = [process("node", 10), process("node", 11), process("sshd", 9)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, used]


def test_new_editor_window_since_the_last_reading_is_active() -> None:
    without = "".join(LISTING.splitlines(keepends=True)[:1])
    one = editors([without, LISTING.format(window=100_000, others=0)])
    processes = [process("node", 10), process("node", 11)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, "VS Code"]


def test_ended_server_does_not_count_and_networks_are_separate() -> None:
    """What one container's window sends is nothing that another's, with the same ports, has sent."""
    other = LISTING.replace("pid=1", "pid=2").format(window=0, others=0)
    listings = {
        10: [LISTING.format(window=0, others=0), LISTING.format(window=5_000, others=0)],
        20: [other, other],
    }
    one = Editors(
        lambda pid: list_tcp_sockets(lambda: listings[pid].pop(0)),
        lambda pid: ["/home/ada/.vscode-server/bin/node", "main.js"],
        build_stopwatch(),
        {10: 1, 20: 2}.get,
    )
    processes = [process("node", pid) for pid in (10, 20, 30)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, "VS Code"]

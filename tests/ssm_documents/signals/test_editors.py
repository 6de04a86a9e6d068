"""Editors in the sessions signal: a server of VS Code with real connections, and lists of connections."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from chalicelib.domain.idle.evidence import SignalState
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.editors import Editors, is_in_session_group
from ssm_documents.probe.signals.namespaces import call_in_network
from ssm_documents.probe.signals.processes import Process, list_processes
from ssm_documents.probe.signals.sessions import SessionsSensor
from ssm_documents.probe.signals.sockets import Socket, list_tcp_sockets
from tests.support.sensor_fixtures import build_process, build_stopwatch, read_sensor


class EditorServer:
    """A server process of VS Code, and a window that is connected to it.

    :param network: command that runs the process in a network namespace of its own, in which the window is, too
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
            pytest.skip("this computer does not permit a new network namespace")
        address = ("127.0.0.1", int(port))
        self.window = call_in_network(self.process.pid, lambda: socket.create_connection(address, timeout=20))

    def send(self, size: int) -> None:
        """Send bytes from the window to the server, and wait until all have arrived."""
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
    tmp_path: Path, terminal_folder: Path, network: Sequence[str]
) -> None:
    with EditorServer(tmp_path, *network) as editor:
        one = SessionsSensor(terminal_folder, editor.running, Editors(stopwatch=build_stopwatch()))
        editor.send(100_000)
        assert read_sensor(one) == Reading(SignalState.QUIET, "VS Code open, not used")
        editor.send(1_000)
        assert read_sensor(one).state is SignalState.QUIET
        editor.send(20_000)
        assert read_sensor(one) == Reading(SignalState.ACTIVE, "somebody works in VS Code")
        assert read_sensor(one).state is SignalState.QUIET


def test_editor_with_unreadable_connections_is_unknown(terminal_folder: Path) -> None:
    def broken(pid: int) -> list[Socket]:
        raise FileNotFoundError("ss")

    server = Editors(broken, lambda pid: ["/home/ada/.cursor-server/node", "main.js"], network=lambda pid: 1)
    one = SessionsSensor(terminal_folder, lambda: [build_process("node")], server)
    assert read_sensor(one) == Reading(
        SignalState.UNKNOWN, "editor connections cannot be listed: FileNotFoundError: ss"
    )
    other_program = SessionsSensor(
        terminal_folder, lambda: [build_process("node")], Editors(broken, lambda pid: ["node", "mine.js"])
    )
    assert read_sensor(other_program).state is SignalState.QUIET


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
    """Traffic between parts of the server, its downloads and what it sends do not count."""
    one = editors([LISTING.format(window=0, others=0), LISTING.format(window=window, others=10**7)])
    processes = [build_process("node", 10), build_process("node", 11), build_process("sshd", 9)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, used]


def test_new_editor_window_since_the_last_reading_is_active() -> None:
    without = "".join(LISTING.splitlines(keepends=True)[:1])
    one = editors([without, LISTING.format(window=100_000, others=0)])
    processes = [build_process("node", 10), build_process("node", 11)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, "VS Code"]


def test_ended_server_does_not_count_and_networks_are_separate() -> None:
    """Connections of two containers with the same ports are different connections."""
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
    processes = [build_process("node", pid) for pid in (10, 20, 30)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, "VS Code"]


@pytest.mark.parametrize(
    ("program", "editor"),
    [
        ("/home/ada/.vscodium-server/bin/1/node", "Vscodium"),
        ("/home/ada/.vscode-server-insiders/cli/servers/Insiders-1/server/node", "VS Code"),
        ("/mnt/homes/ada/.trae-server/node", "Trae"),
        ("/root/.zed_server/zed-remote-server-stable", "Zed"),
        ("/home/ada/.cache/JetBrains/RemoteDev/dist/1/bin/remote-dev-server", "JetBrains"),
        ("/usr/lib/openvscode-server/node", "code-server"),
        ("/usr/bin/redis-server", None),
        ("/home/ada/redis/src/redis-server", None),
        ("/home/ada/.local/bin/redis-server", None),
        ("/home/ada/.jupyter_server_config.py", None),
    ],
)
def test_editor_is_recognized_by_the_form_of_its_path(program: str, editor: str | None) -> None:
    listings = [LISTING.format(window=0, others=0), LISTING.format(window=9_000, others=10**7)]
    one = Editors(
        lambda pid: list_tcp_sockets(lambda: listings.pop(0)),
        lambda pid: [program, "main.js"] if pid in (10, 11) else ["sshd"],
        build_stopwatch(),
        lambda pid: 1,
    )
    processes = [build_process("node", 10), build_process("node", 11), build_process("sshd", 9)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, editor]


TUNNEL = """\
LISTEN 0 511 *:{port} *:* users:(("tool",pid=20,fd=18)) ino:1 sk:1 <-> cubic cwnd:10
ESTAB 0 0 [::ffff:127.0.0.1]:7000 [::ffff:127.0.0.1]:50000 users:(("x",pid=20,fd=5)) sk:2 <-> bytes_received:{window}
ESTAB 0 0 127.0.0.1:50000 127.0.0.1:7000 users:(("{client}",pid=9,fd=5)) ino:3 sk:3 <-> ts bytes_received:{window}
"""

DAEMON, AGENT = build_process("sshd", 2, parent=1), build_process("amazon-ssm-agen", 3, parent=1)
SSH, SSM = build_process("sshd-session", 9, parent=2), build_process("ssm-session-wor", 9, parent=3)
SHELL = build_process("bash", 12, parent=9)


@pytest.mark.parametrize(
    ("session", "tool", "window", "used"),
    [
        (SSH, build_process("tool", 20, parent=12), 9_000, "tool"),
        (SSM, build_process("tool", 20, parent=12), 9_000, "tool"),
        (SSH, build_process("tool", 20, parent=12), 4_096, None),
        (SSH, build_process("tool", 20, parent=1), 9_000, None),
        (build_process("python", 9, parent=12), build_process("tool", 20, parent=12), 9_000, None),
        (SSH, build_process("sshd", 20, parent=1), 9_000, None),
    ],
    ids=["ssh", "SSM", "keep-alive only", "service", "client on the instance", "ssh itself"],
)
def test_listener_of_a_session_is_active_by_traffic_through_a_session(
    session: Process, tool: Process, window: int, used: str | None
) -> None:
    listings = [TUNNEL.format(port=7000, window=count, client=session.name) for count in (0, window)]
    one = Editors(
        lambda pid: list_tcp_sockets(lambda: listings.pop(0)),
        lambda pid: ["/usr/bin/tool"],
        build_stopwatch(),
        lambda pid: 1,
        is_in_session_group=lambda pid: False,
    )
    processes = [DAEMON, AGENT, session, SHELL, tool]
    if session.name == "python":
        processes.append(build_process("sshd", 8, parent=2))
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, used]


@pytest.mark.parametrize(
    ("command", "has_left_session", "used"),
    [
        ("/usr/bin/tool", True, "tool"),
        ("/usr/bin/tool", False, None),
        ("/home/ada/.neweditor/bin/tool", False, "tool"),
        ("/home/ada/redis/tool", False, None),
        ("/home/ada/.venv/bin/jupyter-lab", True, None),
    ],
)
def test_listener_of_a_user_without_a_session_counts_and_jupyter_does_not(
    command: str, has_left_session: bool, used: str | None
) -> None:
    listings = [TUNNEL.format(port=7000, window=count, client="sshd") for count in (0, 9_000)]
    one = Editors(
        lambda pid: list_tcp_sockets(lambda: listings.pop(0)),
        lambda pid: [command],
        build_stopwatch(),
        lambda pid: 1,
        is_in_session_group=lambda pid: has_left_session and pid == 20,
    )
    processes = [DAEMON, SSH, build_process("tool", 20, parent=1)]
    assert [one.find_active_editor(processes), one.find_active_editor(processes)] == [None, used]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope", True),
        ("1:name=systemd:/user.slice/user-1000.slice/session-c1.scope", True),
        ("0::/system.slice/snap.amazon-ssm-agent.amazon-ssm-agent.service", True),
        ("0::/system.slice/redis-server.service", False),
        ("0::/init.scope", False),
    ],
)
def test_control_group_tells_what_a_session_has_started(tmp_path: Path, group: str, expected: bool) -> None:
    (tmp_path / "20").mkdir()
    (tmp_path / "20/cgroup").write_text(f"{group}\n")
    assert is_in_session_group(20, tmp_path) is expected
    assert not is_in_session_group(21, tmp_path)

"""Messages to people on real terminals and in Jupyter servers."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ssm_documents.probe.signals.jupyter_servers import Server, UnreachableServer
from ssm_documents.probe.user_messenger import DeliveryCount, UserMessenger
from tests.support.tmux import Tmux, needs_tmux

SERVER = Server(pid=1, started=1, program="jupyter-lab")


LOGIN = """\
#!{python}
import os, pty
child, screen = pty.fork()
if not child:
    os.execvp("sh", ["sh", "-c", "tty; exec tail -f /dev/null"])
os.write(1, os.read(screen, 100))
while {reads}:
    os.write(1, os.read(screen, 4096))
os.waitpid(child, 0)
"""


class Login:
    """A terminal opened by a program with this name, and its output."""

    def __init__(self, folder: Path, name: str, *, reads: bool = True) -> None:
        program = folder.parent / name
        program.write_text(LOGIN.format(python=sys.executable, reads=reads), encoding="utf-8")
        program.chmod(0o755)
        self.process = subprocess.Popen([program], stdout=subprocess.PIPE)
        assert self.process.stdout
        self.screen = self.process.stdout
        terminal = Path(self.screen.readline().decode().strip())
        (folder / terminal.name).symlink_to(terminal)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.screen.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in place of /dev/pts, with files that are no terminals."""
    path = tmp_path / "pts"
    path.mkdir()
    (path / "ptmx").touch()
    return path


@pytest.fixture
def login(folder: Path) -> Iterator[Callable[..., Login]]:
    logins: list[Login] = []

    def new(name: str, *, reads: bool = True) -> Login:
        logins.append(Login(folder, name, reads=reads))
        return logins[-1]

    yield new
    for each in logins:
        each.close()


@pytest.mark.parametrize("name", ["sshd", "ssm-session-worker"])
def test_message_reaches_a_real_terminal_without_control_characters(
    folder: Path, login: Callable[..., Login], name: str
) -> None:
    recipient = login(name)
    reached = UserMessenger(folder, servers=list).notify("gpudesk: stops at 09:40\x1b[2J\nrm -rf / \x07")
    assert (reached.terminals, reached.jupyter_servers) == (1, 0)
    assert recipient.screen.readline().strip() == b""
    observation = recipient.screen.readline().decode()
    assert "gpudesk: stops at 09:40" in observation
    assert "\x1b" not in observation
    assert re.search(r"\*\*\*\r+\n", observation)


def test_unread_terminal_does_not_block_and_does_not_count(folder: Path, login: Callable[..., Login]) -> None:
    login("sshd", reads=False)
    people = UserMessenger(folder, servers=list)
    for _ in range(2000):
        if not people.notify("x" * 200):
            return
    raise AssertionError("its buffer has no end")


def test_terminal_without_a_connection_gets_each_message_once_and_does_not_count(
    folder: Path, login: Callable[..., Login]
) -> None:
    """A server of Jupyter or of an editor keeps its terminals open after its last window was closed."""
    jupyter = login("jupyter-lab")
    people = UserMessenger(folder, servers=list)
    assert [people.notify(text) for text in ("one", "one", "two")] == [DeliveryCount()] * 3
    observation = [jupyter.screen.readline().strip() for _ in range(4)]
    assert [line.strip(b"\a* ") for line in observation if line] == [b"one", b"two"]


@needs_tmux
def test_detached_tmux_does_not_count_but_shows_the_message(folder: Path) -> None:
    tmux = Tmux(folder)
    tmux("new-session", "-d", "tail -f /dev/null")
    try:
        pane = Path(tmux("display", "-p", "#{pane_tty}"))
        (folder / pane.name).symlink_to(pane)
        assert UserMessenger(folder, servers=list).notify("it will be stopped") == DeliveryCount()
        while "it will be stopped" not in tmux("capture-pane", "-p"):
            assert pane.exists()
    finally:
        tmux("kill-server")


def test_message_without_recipients_is_delivered_to_nobody(tmp_path: Path) -> None:
    assert not UserMessenger(tmp_path, servers=list).notify("hello")


def test_jupyter_server_counts_if_it_took_the_message_and_a_browser_is_connected(tmp_path: Path) -> None:
    def refuses(_: Server, __: str) -> bool:
        raise UnreachableServer("it does not have this path")

    assert UserMessenger(tmp_path, lambda: [SERVER], lambda _, __: True).notify("hello").jupyter_servers == 1
    assert UserMessenger(tmp_path, lambda: [SERVER], lambda _, __: False).notify("hello").jupyter_servers == 0
    assert UserMessenger(tmp_path, lambda: [SERVER], refuses).notify("hello").jupyter_servers == 0

"""ssh with the config of GET .../connect, the OpenSSH client and tools/gpudesk-session, without AWS credentials.

The SSH server is a fake (asyncssh). It accepts the keys that EC2 Instance Connect offers at the time.
"""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from chalicelib import bootstrap
from chalicelib.aws.clients import Clients, build_client_sets
from chalicelib.aws.session_manager import Session, SessionManager
from chalicelib.control.application import Application
from chalicelib.domain.access.actor import Role
from local.aws.core.admin_api import AdminApi
from local.aws.core.cloud_server import QuietHandler
from local.aws.core.local_cloud import LocalCloud
from local.machines.host.interface import Forwarding
from local.machines.host.relay import Relay
from local.machines.host.simulated import SimulatedMachines
from local.ports import find_free_port
from local.server.api_server import ApiServer
from tests.api.client import Client
from tests.local.aws.sessions import EchoMachines
from tests.support.documents import get_ssm_name
from tests.support.session_program import copy_session_program
from tests.support.world import World, open_world

REPOSITORY = Path(__file__).parents[2]
SSH = shutil.which("ssh")
TIMEOUT_SECONDS = 20
SYSTEM_PATH = "/usr/bin:/bin"
PROC = "/proc/net/tcp"
FOREIGN_URL = "http://127.0.0.1:1"
"""Endpoint of another local cloud in the environment of the laptop. A session must not use it."""


class SshMachines(SimulatedMachines):
    """Simulated machines: port 22 leads to the SSH server of the test, all other ports answer with what they get."""

    def __init__(self) -> None:
        super().__init__()
        self.sshd_port = 0
        self._echo = EchoMachines()

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        if remote_port != 22:
            return self._echo.forward(instance_id, remote_port, local_port)
        listener = socket.create_server(("127.0.0.1", local_port))
        return Relay(listener, lambda: socket.create_connection(("127.0.0.1", self.sshd_port)))


class SshServer(asyncssh.SSHServer):
    """Accepts the keys that EC2 Instance Connect offers at the time."""

    def __init__(self, machines: SshMachines, world: World) -> None:
        self._machines = machines
        self._world = world

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        offered = self._machines.ssh_keys
        keys = [text for _, user, text, until in offered if user == username and self._world.now < until]
        return any(asyncssh.import_public_key(text) == key for text in keys)


@dataclass
class Laptop:
    """A home folder with a key pair and a gpudesk token, without AWS credentials."""

    home: Path
    port: int
    cloud_url: str
    world: World
    application: Application

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "PATH": f"{REPOSITORY / 'tools'}:{REPOSITORY / 'local' / 'bin'}:{SYSTEM_PATH}",
            "GPUDESK_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ENDPOINT_URL": FOREIGN_URL,
            "AWS_ENDPOINT_URL_SSM": FOREIGN_URL,
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @contextmanager
    def start(self, *command: str) -> Iterator["subprocess.Popen[bytes]"]:
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            try:
                yield process
            finally:
                process.terminate()

    def close_channels(self) -> Any:
        """Order the local cloud to close every data channel."""
        body = json.dumps({"operation": "OpenDataChannel", "kind": "close_channels"}).encode()
        with urllib.request.urlopen(f"{self.cloud_url}/_local/faults", body, TIMEOUT_SECONDS) as answer:
            return json.loads(answer.read())

    def ssh(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(SSH), "-F", str(self.home / ".ssh" / "config"), *words)


class ServedSessionManager(SessionManager):
    """Session Manager in this process, whose sessions the plugin resumes and ends over HTTP."""

    def __init__(self, clients: Clients, url: str) -> None:
        super().__init__(clients)
        self._url = url

    def start_session(self, *arguments: Any, **named: Any) -> Session:
        return replace(super().start_session(*arguments, **named), endpoint_url=self._url)


def build_served_application(application: Application, url: str) -> Application:
    """Return the application with the endpoint of a served local cloud in its sessions."""
    sessions = application.sessions
    opener = replace(sessions.opener, session_manager=ServedSessionManager(build_client_sets().loop, url))
    return replace(application, sessions=replace(sessions, opener=opener))


@contextmanager
def serve_cloud(cloud: LocalCloud) -> Iterator[str]:
    """Serve an in-process local cloud over HTTP, for the calls of the plugin."""
    app = AdminApi(cloud, DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def laptop(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    home = tmp_path_factory.mktemp("home")
    machines = SshMachines()
    with (
        open_world(machines=machines) as world,
        SshServerThread(machines, world),
        serve_cloud(world.cloud) as cloud_url,
    ):
        application = build_served_application(world.application, cloud_url)
        bootstrap.set_application(application)
        world.launch_until_ready(name="brave-otter")
        token = application.tokens.create("ada", Role.USER, now=world.now)
        _write_credentials(home, token)
        client = Client(server.port, token)
        lines = client("GET", "/instances/brave-otter/connect").json["ssh_configs"][0]["lines"]
        client.close()
        _write_config(home, lines)
        yield Laptop(home, server.port, cloud_url, world, application)
        bootstrap.set_application(None)


@pytest.fixture(autouse=True)
def use_application(laptop: Laptop) -> None:
    bootstrap.set_application(laptop.application)


@pytest.mark.skipif(SSH is None, reason="this computer has no ssh")
def test_ssh_through_a_session_uses_the_pushed_key(laptop: Laptop) -> None:
    done = laptop.ssh("brave-otter", "who are you?")
    assert (done.returncode, done.stdout) == (0, "ubuntu sent: who are you?\n"), done.stderr


@pytest.mark.skipif(SSH is None, reason="this computer has no ssh")
def test_pushed_key_is_refused_after_a_minute(laptop: Laptop) -> None:
    assert laptop.ssh("brave-otter", "first").returncode == 0
    laptop.world.clock.advance(timedelta(seconds=61))
    machines = laptop.world.cloud.machines
    assert isinstance(machines, SshMachines)
    direct = ("-o", "ProxyCommand=none", "-o", f"Port={machines.sshd_port}", "-o", "HostName=127.0.0.1")
    late = laptop.ssh(*direct, "brave-otter", "late")
    assert late.returncode == 255
    assert "Permission denied" in late.stderr


@pytest.mark.skipif(SSH is None, reason="this computer has no ssh")
def test_ssh_continues_when_the_plugin_resumes_and_otherwise_ends_and_says_so(laptop: Laptop) -> None:
    sessions = laptop.world.cloud.sessions
    config = str(laptop.home / ".ssh" / "config")
    with laptop.start(str(SSH), "-F", config, "brave-otter", "cat") as ssh:
        assert ssh.stdin
        assert ssh.stdout
        assert ssh.stderr
        for line in (b"one\n", b"two\n"):
            ssh.stdin.write(line)
            ssh.stdin.flush()
            assert ssh.stdout.readline() == line
            assert sessions.close_channels() == 1
        next(session for session in sessions.started.values() if not session.ended_at).end(laptop.world.now)
        assert b"gpudesk-session: The session ended. gpudesk answered 404: You have no active" in ssh.stderr.read()
        assert ssh.wait(TIMEOUT_SECONDS) == 255


def test_forwarded_port_stays_open_and_says_when_a_session_is_new(laptop: Laptop) -> None:
    sessions, port = laptop.world.cloud.sessions, find_free_port()
    with laptop.start("gpudesk-session", "brave-otter", "port", "7000", str(port)) as forward:
        assert forward.stderr
        assert f"Port {port} of this computer leads to brave-otter.".encode() in forward.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            for text in (b"one", b"two"):
                connection.sendall(text)
                assert connection.recv(100) == text
                assert laptop.close_channels() == {"injected": 1}
        next(session for session in sessions.started.values() if not session.ended_at).end(laptop.world.now)
        assert b"The session ended. gpudesk answered 404" in forward.stderr.readline()
        assert b"A new session is open since" in forward.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(b"three")
            assert connection.recv(100) == b"three"
        taken = laptop.run("gpudesk-session", "brave-otter", "port", "7000", str(port))
        assert f"Port {port} of this computer is in use." in taken.stderr
        forward.send_signal(signal.SIGINT)
        assert forward.wait(TIMEOUT_SECONDS) == 0
    assert [
        session for session in sessions.started.values() if session.channel_opened_at and not session.ended_at
    ] == []


@pytest.mark.parametrize("source", ["/proc/net/tcp", "/no/proc"], ids=["Linux", "lsof"])
def test_forwarded_port_whose_resume_fails_with_valid_credentials_is_opened_again(
    laptop: Laptop, tmp_path: Path, source: str
) -> None:
    """The plugin gives up in silence. Only its missing connection shows it."""
    if not Path(source).exists() and shutil.which("lsof") is None:
        pytest.skip("this computer has no lsof")
    changes = {"CHECK_EVERY=5": "CHECK_EVERY=1", "MAX_MISSES=9": "MAX_MISSES=2", PROC: source}
    program, port = copy_session_program(tmp_path, changes), find_free_port()
    with laptop.start(str(program), "brave-otter", "port", "7000", str(port)) as forward:
        assert forward.stderr
        assert b"of this computer leads to brave-otter." in forward.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(b"one")
            assert connection.recv(100) == b"one"
            laptop.world.cloud.faults.inject("ResumeSession", "InternalServerError", times=9)
            laptop.close_channels()
            lost = forward.stderr.readline()
            laptop.world.cloud.faults.clear()
        assert b"The connection to AWS was lost and could not be resumed. Opening a new one" in lost
        assert b"A new session is open since" in forward.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(b"two")
            assert connection.recv(100) == b"two"
        forward.send_signal(signal.SIGINT)
        assert forward.wait(TIMEOUT_SECONDS) == 0


def test_token_of_jupyter_is_printed(laptop: Laptop) -> None:
    machines = laptop.world.cloud.machines
    assert isinstance(machines, SshMachines)
    machines.simulators[get_ssm_name("gpudesk-jupyter-token")] = lambda _: (0, "token-of-jupyter\n", "")
    done = laptop.run("gpudesk-session", "brave-otter", "jupyter_token")
    assert (done.returncode, done.stderr) == (0, "")
    assert "token-of-jupyter" in done.stdout


def test_session_of_a_simulated_instance_says_that_nothing_runs_on_it(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = laptop.world.cloud.machines
    assert isinstance(machines, SshMachines)
    machines.simulators.pop(get_ssm_name("gpudesk-jupyter-token"), None)
    printed = laptop.run("gpudesk-session", "brave-otter", "jupyter_token")
    assert "is simulated, so its commands print nothing." in printed.stdout
    monkeypatch.setattr(machines, "sshd_port", 1)
    (key,) = (laptop.home / ".ssh").glob("*.pub")
    connected = laptop.run("gpudesk-session", "brave-otter", "ssh", str(key))
    assert "No program listens on port 22 of i-" in connected.stderr
    assert "it is simulated and runs no program." in connected.stderr


def test_shell_names_the_command_that_works_on_the_local_cloud(laptop: Laptop) -> None:
    done = laptop.run("gpudesk-session", "brave-otter")
    assert "aws ssm send-command --instance-ids i-" in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "The instance is missing."),
        (("no-such",), "gpudesk answered 404"),
        (("brave-otter", "telnet"), "gpudesk answered 422"),
        (("brave-otter", "port", "http"), "must be a port number"),
        (("brave-otter", "jupyter", "8889;id"), "must be a port number"),
        (("brave-otter", "shell", "nvidia-smi"), "These are too many words for kind shell."),
        (("--bogus",), "The first word must be the name or id of an instance, not '--bogus'."),
        (("brave-otter", "port", "08888"), "PORT must be a port number, not '08888'"),
        (("brave otter",), "must be letters, digits"),
        (("brave-otter", "ssh"), "The public key is missing."),
        (("brave-otter", "ssh", "/etc/hostname"), "no public key"),
    ],
)
def test_gpudesk_session_with_wrong_arguments_prints_the_error(
    laptop: Laptop, words: tuple[str, ...], complaint: str
) -> None:
    done = laptop.run("gpudesk-session", *words)
    assert done.returncode == 1
    assert complaint in done.stderr


def _write_credentials(home: Path, token: str) -> None:
    (home / ".config" / "gpudesk").mkdir(parents=True)
    (home / ".config" / "gpudesk" / "token").write_text(f"{token}\n")
    (home / ".ssh").mkdir(mode=0o700)
    key = asyncssh.generate_private_key("ssh-ed25519", comment="ada@laptop")
    key.write_private_key(str(home / ".ssh" / "id_ed25519"))
    key.write_public_key(str(home / ".ssh" / "id_ed25519.pub"))
    (home / ".ssh" / "id_ed25519").chmod(0o600)


def _write_config(home: Path, lines: list[str]) -> None:
    """Write the ssh config without ~, because OpenSSH takes ~ from the password file and not from HOME."""
    text = "\n".join([*lines, f"    UserKnownHostsFile {home}/.ssh/known_hosts"]).replace("~", str(home))
    (home / ".ssh" / "config").write_text(f"{text}\n")


class SshServerThread:
    """SSH server in its own thread."""

    def __init__(self, machines: SshMachines, world: World) -> None:
        self._machines = machines
        self._world = world
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self._machines.sshd_port = self._server.get_port()

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: SshServer(self._machines, self._world),
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=_answer_command,
        )

    async def _close(self) -> None:
        self._server.close()
        await self._server.wait_closed()


async def _answer_command(process: "asyncssh.SSHServerProcess[str]") -> None:
    if process.command == "cat":
        async for line in process.stdin:
            process.stdout.write(line)
    process.stdout.write(f"{process.get_extra_info('username')} sent: {process.command}\n")
    process.exit(0)

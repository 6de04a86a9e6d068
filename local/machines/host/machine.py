"""A running machine: its first process, the host side of its network, and the scripts that run on it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from local.machines.agent.shell import Cancellation, Script, ScriptResult
from local.machines.errors import SandboxUnavailable
from local.machines.inside import wire
from local.machines.sandbox.plan import Plan

from .control_channel import ControlChannel
from .imds import MetadataServer, Now
from .interface import MachineSpec
from .output import Output
from .relay import Relay

REPOSITORY = Path(__file__).parents[3]
BOOT_TIMEOUT_SECONDS = 10
"""Limit of a boot, which takes 0.1 s, or some seconds on a very busy computer."""

HALT_TIMEOUT_SECONDS = 5
AGENT_FOLDER = "/var/snap/amazon-ssm-agent/current"
"""Working folder of the agent. On Ubuntu it is a snap, and snapd starts it in its data folder."""

SCRIPT_PATH = "/var/lib/amazon/ssm/{instance}/document/orchestration/{command}/{step}/_script.sh"


class Machine:
    """A machine that boots when this object is created.

    :param on_power: called with `off` or `reboot` if a program on the machine requests that
    :raises SandboxUnavailable: it did not boot; the message contains its last line of output
    """

    def __init__(self, spec: MachineSpec, folder: Path, plan: Plan, now: Now, on_power: Callable[[str], None]) -> None:
        """Boot."""
        self.spec = spec
        self._plan = plan
        self._now = now
        self._on_power = on_power
        self._is_ready = threading.Event()
        self._relays: list[Relay] = []
        self._metadata: MetadataServer | None = None
        self._console = folder / "console.log"
        plan.write(folder / "plan.json")
        host_end, machine_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with machine_end, self._console.open("ab") as console:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-E", "-s", "-S", "-m", "local.machines.sandbox.enter_sandbox"),
                    *(str(machine_end.fileno()), str(folder / "plan.json")),
                ],
                cwd=REPOSITORY,
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[machine_end.fileno()],
                start_new_session=True,
            )
        self._control = ControlChannel(host_end, self._on_event)
        self._wait_until_up()

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """Run a script until its end, its time limit or its cancellation.

        A background process that keeps the output open delays the end, as with the real agent.

        :raises MachineHalted: the machine halted before the end
        """
        path = SCRIPT_PATH.format(
            instance=self.spec.instance_id, command=script.command_id, step=script.step.replace(":", "")
        )
        request = {
            "do": "run",
            "path": path,
            "environment": {**self._plan.environment, **script.environment},
            "folder": script.folder or AGENT_FOLDER,
        }
        with Output() as output, tempfile.TemporaryFile() as text:
            text.write(script.text.encode())
            text.seek(0)
            number, future = self._control.request(request, [text.fileno(), *output.write_ends])
            output.close_write_ends()
            ending = output.collect(future, time.monotonic() + script.timeout, cancellation)
            if ending != "exited":
                # The agent drops the output from here on. A process that lives on may keep it open for hours.
                self._control.send({"do": "kill", "id": number})
            response, _ = future.result(HALT_TIMEOUT_SECONDS)
            return ScriptResult(response["status"], *output.get_texts(), ending, response.get("problem", ""))

    def connect(self, port: int) -> socket.socket:
        """Open a connection to a port of the machine's own 127.0.0.1.

        :raises ConnectionRefusedError: no program listens on the port
        :raises MachineHalted: the machine is gone
        """
        _, future = self._control.request({"do": "connect", "port": port})
        response, files = future.result(HALT_TIMEOUT_SECONDS)
        if not files:
            raise ConnectionRefusedError(response["reason"])
        return socket.socket(fileno=files[0])

    def show_ssh_key(self, user: str, key: str, until: datetime) -> None:
        """Offer a public key in the machine's metadata until a time of the cloud's clock."""
        if self._metadata:
            self._metadata.show_ssh_key(user, key, until)

    def show_interruption(self, action: str, at: datetime) -> None:
        """Announce an interruption in the machine's metadata."""
        if self._metadata:
            self._metadata.interruption = action, at

    @property
    def is_up(self) -> bool:
        """Return whether the machine's first process is alive."""
        return not self._control.is_gone.is_set()

    def halt(self) -> None:
        """End every process of the machine and wait for their end. May be called repeatedly."""
        self._control.send({"do": "halt"})
        try:
            self._process.wait(HALT_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(HALT_TIMEOUT_SECONDS)
        for relay in self._relays:
            relay.close()
        if self._metadata:
            self._metadata.close()
        self._control.close()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + BOOT_TIMEOUT_SECONDS
        while not self._is_ready.wait(0.05):
            if self._control.is_gone.is_set() or time.monotonic() > deadline:
                self._process.kill()
                self.halt()
                lines = self._console.read_text(errors="replace").strip().splitlines() or ["It printed nothing."]
                raise SandboxUnavailable(f"The machine does not boot: {lines[-1]}")

    def _on_event(self, message: wire.Message, files: list[int]) -> None:
        match message["event"]:
            case "ready":
                self._is_ready.set()
            case "listener":
                self._serve_listener(message["name"], socket.socket(fileno=files[0]))
            case "power":
                threading.Thread(target=self._on_power, args=(message["action"],), daemon=True).start()

    def _serve_listener(self, name: str, listener: socket.socket) -> None:
        if name == "metadata":
            self._metadata = MetadataServer(listener, self.spec, self._now)
        else:
            address = ("127.0.0.1", self._plan.cloud_port)
            self._relays.append(Relay(listener, lambda: socket.create_connection(address)))

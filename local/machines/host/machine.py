"""One machine that is up: its first process, its network's ends on this computer, and scripts that run on it."""

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

from .control import Control
from .imds import MetadataServer, Now
from .output import Output
from .port import MachineSpec
from .relay import Relay

REPOSITORY = Path(__file__).parents[3]
BOOT_SECONDS = 10
"""A boot takes a tenth of a second; on a computer that is busy beyond hope it may take some."""

HALT_SECONDS = 5
ORCHESTRATION = "/var/lib/amazon/ssm/{instance}/document/orchestration/{command}/{step}/_script.sh"


class Machine:
    """Boots in the constructor. :raises SandboxUnavailable: it did not come up, with what it said"""

    def __init__(self, spec: MachineSpec, folder: Path, plan: Plan, now: Now, on_power: Callable[[str], None]) -> None:
        self.spec = spec
        self._plan = plan
        self._now = now
        self._on_power = on_power
        self._ready = threading.Event()
        self._relays: list[Relay] = []
        self._metadata: MetadataServer | None = None
        self._console = folder / "console.log"
        plan.write(folder / "plan.json")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._console.open("ab") as console:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-E", "-s", "-S", "-m", "local.machines.sandbox.enter"),
                    *(str(theirs.fileno()), str(folder / "plan.json")),
                ],
                cwd=REPOSITORY,
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._control = Control(ours, self._on_event)
        self._wait_until_up()

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """Run a script to its end. As with the agent, a background process that holds the output holds the step.

        :raises MachineHalted: the machine went down under it
        """
        path = ORCHESTRATION.format(
            instance=self.spec.instance_id, command=script.command_id, step=script.step.replace(":", "")
        )
        order = {
            "do": "run",
            "path": path,
            "environment": {**self._plan.environment, **script.environment},
            "folder": script.folder or "/",
        }
        with Output() as output, tempfile.TemporaryFile() as text:
            text.write(script.text.encode())
            text.seek(0)
            number, future = self._control.order(order, [text.fileno(), *output.write_ends])
            output.close_write_ends()
            how = output.collect(future, time.monotonic() + script.timeout, cancellation)
            if how != "exited":
                self._control.tell({"do": "kill", "id": number})
                output.collect(future, time.monotonic() + HALT_SECONDS, Cancellation())
            answer, _ = future.result(HALT_SECONDS)
            return ScriptResult(answer["status"], *output.texts(), how)

    def connect(self, port: int) -> socket.socket:
        """A connection to the machine's own 127.0.0.1.

        :raises ConnectionRefusedError: nothing listens there
        :raises MachineHalted: the machine is gone
        """
        _, future = self._control.order({"do": "connect", "port": port})
        answer, files = future.result(HALT_SECONDS)
        if not files:
            raise ConnectionRefusedError(answer["why"])
        return socket.socket(fileno=files[0])

    def show_ssh_key(self, user: str, key: str, until: datetime) -> None:
        """In its metadata, until then."""
        if self._metadata:
            self._metadata.show_ssh_key(user, key, until)

    @property
    def is_up(self) -> bool:
        """Whether its first process lives."""
        return not self._control.gone.is_set()

    def halt(self) -> None:
        """Every process is gone when this returns. May be repeated."""
        self._control.tell({"do": "halt"})
        try:
            self._process.wait(HALT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(HALT_SECONDS)
        for relay in self._relays:
            relay.close()
        if self._metadata:
            self._metadata.close()
        self._control.close()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not self._ready.wait(0.05):
            if self._control.gone.is_set() or time.monotonic() > deadline:
                self._process.kill()
                self.halt()
                said = self._console.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
                raise SandboxUnavailable(f"the machine does not come up: {said[-1]}")

    def _on_event(self, message: wire.Message, files: list[int]) -> None:
        match message["event"]:
            case "ready":
                self._ready.set()
            case "listener":
                self._listen(message["name"], socket.socket(fileno=files[0]))
            case "power":
                threading.Thread(target=self._on_power, args=(message["how"],), daemon=True).start()

    def _listen(self, name: str, listener: socket.socket) -> None:
        if name == "metadata":
            self._metadata = MetadataServer(listener, self.spec, self._now)
        else:
            address = ("127.0.0.1", self._plan.cloud_port)
            self._relays.append(Relay(listener, lambda: socket.create_connection(address)))

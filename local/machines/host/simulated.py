"""A fleet without processes: documents are parsed and checked, and each step ends as a test says, or well.

For tests of what surrounds the machines, and for computers that give no sandbox.
"""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from local.machines.agent.agent import run_document
from local.machines.agent.shell import Cancellation, Script, ScriptResult
from local.machines.errors import MachineHalted

from .fleet import Running, agent_environment
from .port import Forwarding, Invocation, InvocationResult, MachineSpec
from .relay import Relay

Outcome = tuple[int, str, str]
"""Exit code, standard output, standard error."""


@dataclass
class _Simulated:
    spec: MachineSpec
    is_up: bool = False
    boots: int = 0
    gpu: tuple[int, ...] = ()
    forwardings: list[Relay] = field(default_factory=list)


class SimulatedMachines:
    """The `Machines` port without machines.

    :ivar outcomes: how steps end, by step name or else by document name: each run takes the first of its list away,
        and without one ends with exit code 0 and no output. An `Ended` can say `timed out`, too
    :ivar answers: how the steps of a document end otherwise, by its name
    :ivar ran: every script that would have run: the instance and the script, in order
    :ivar holds: steps named here do not end before their event is set (or they are cancelled)
    :ivar captured: the machine and the image, in order
    :ivar shown_keys: each public key that was to be shown: the instance, the user, the key, until when
    :ivar on_power_off: called with the instance's id when a machine turned itself off
    """

    is_real = False

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        self.outcomes: dict[str, list[Outcome | ScriptResult]] = {}
        self.simulators: dict[str, Callable[[MachineSpec], Outcome]] = {}
        self.ran: list[tuple[str, Script]] = []
        self.holds: dict[str, threading.Event] = {}
        self.captured: list[tuple[str, str]] = []
        self.shown_keys: list[tuple[str, str, str, datetime]] = []
        self._machines: dict[str, _Simulated] = {}
        self.on_power_off: Callable[[str], None] = _tell_nobody
        self._running = Running()

    def create(self, spec: MachineSpec) -> None:
        """See the port."""
        self._machines.setdefault(spec.instance_id, _Simulated(spec, gpu=(0,) * spec.gpu_count))

    def boot(self, instance_id: str) -> None:
        """See the port."""
        machine = self._machines[instance_id]
        machine.boots += not machine.is_up
        machine.is_up = True

    def halt(self, instance_id: str) -> None:
        """See the port."""
        self._machines[instance_id].is_up = False

    def power_off(self, instance_id: str) -> None:
        """The machine turns itself off, as by `systemctl poweroff` on it."""
        self.halt(instance_id)
        self.on_power_off(instance_id)

    def reboot(self, instance_id: str) -> None:
        """The machine reboots by itself: it is up again at once."""
        self._machines[instance_id].boots += 1

    def destroy(self, instance_id: str) -> None:
        """See the port."""
        machine = self._machines.pop(instance_id)
        machine.is_up = False
        for forwarding in machine.forwardings:
            forwarding.close()

    def capture(self, instance_id: str, image_id: str) -> None:
        """See the port. There is no disk."""
        self.captured.append((self._machines[instance_id].spec.instance_id, image_id))

    def run(self, instance_id: str, invocation: Invocation) -> InvocationResult:
        """See the port. :raises MachineHalted: the machine is not up"""
        machine = self._machines[instance_id]
        with self._running.document(instance_id, invocation.command_id) as cancellation:
            shell = _SimulatedShell(self, machine)
            return run_document(invocation, shell, agent_environment(machine.spec), cancellation)

    def cancel(self, instance_id: str, command_id: str) -> None:
        """See the port."""
        self._running.cancel(self._machines[instance_id].spec.instance_id, command_id)

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        """A listener behind which nothing answers: each connection is closed at once."""
        machine = self._machines[instance_id]

        def refuse() -> socket.socket:
            raise ConnectionRefusedError(f"nothing listens on {remote_port}: {instance_id} is simulated")

        relay = Relay(socket.create_server(("127.0.0.1", local_port)), refuse)
        machine.forwardings.append(relay)
        return relay

    def show_ssh_key(self, instance_id: str, user: str, key: str, until: datetime) -> None:
        """See the port."""
        self.shown_keys.append((instance_id, user, key, until))

    def set_gpu_utilization(self, instance_id: str, percent: Sequence[int]) -> None:
        """See the port."""
        self._machines[instance_id].gpu = tuple(percent)

    def get_gpu_utilization(self, instance_id: str) -> Sequence[int]:
        """What was last set."""
        return self._machines[instance_id].gpu

    def count_boots(self, instance_id: str) -> int:
        """How often the machine came up."""
        return self._machines[instance_id].boots

    def close(self) -> None:
        """See the port."""
        for instance_id in list(self._machines):
            self.destroy(instance_id)


class _SimulatedShell:
    def __init__(self, fleet: SimulatedMachines, machine: _Simulated) -> None:
        self._fleet = fleet
        self._machine = machine

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        if not self._machine.is_up:
            raise MachineHalted(f"{self._machine.spec.instance_id} does not run")
        self._fleet.ran.append((self._machine.spec.instance_id, script))
        if self._is_cancelled_while_held(script.step, cancellation):
            return ScriptResult(0, how="cancelled")
        if not self._machine.is_up:
            raise MachineHalted(f"{self._machine.spec.instance_id} went down")
        outcome = _next(self._fleet.outcomes, script) or self._answer(script)
        return outcome if isinstance(outcome, ScriptResult) else ScriptResult(*outcome)

    def _answer(self, script: Script) -> Outcome:
        answer = self._fleet.simulators.get(script.document_name)
        return answer(self._machine.spec) if answer else (0, "", "")

    def reboot(self) -> None:
        self._fleet.reboot(self._machine.spec.instance_id)

    def _is_cancelled_while_held(self, step: str, cancellation: Cancellation) -> bool:
        hold = self._fleet.holds.get(step)
        if hold:
            with cancellation.on_cancel(hold.set):
                if not cancellation.is_set():
                    hold.wait()
        return cancellation.is_set()


def _tell_nobody(_: str) -> None:
    """Nothing surrounds this fleet."""


def _next(outcomes: Mapping[str, list[Outcome | ScriptResult]], script: Script) -> Outcome | ScriptResult | None:
    for name in (script.step, script.document_name):
        if outcomes.get(name):
            return outcomes[name].pop(0)
    return None

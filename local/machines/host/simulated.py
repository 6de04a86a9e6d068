"""Fleet without processes: documents are parsed and checked, and their steps have the results that a test sets.

It serves tests that need no real machine, and computers that cannot run a sandbox. By default, every step succeeds.
"""

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from local.machines.agent.agent import run_document
from local.machines.agent.shell import Cancellation, Script, ScriptResult
from local.machines.errors import MachineHalted

from .fleet import RunningDocuments, build_agent_environment
from .interface import Forwarding, Invocation, InvocationResult, MachineSpec
from .relay import Relay

Outcome = tuple[int, str, str]
"""Exit code, standard output, standard error."""

StepOutcome = Outcome | ScriptResult | MachineHalted
"""End of a step: an outcome, a result, or that the machine went down meanwhile. It is up again at once."""


@dataclass
class _SimulatedMachine:
    """State of one machine."""

    spec: MachineSpec
    is_up: bool = False
    boots: int = 0
    gpu: tuple[int, ...] = ()
    forwardings: list[Relay] = field(default_factory=list)


class SimulatedMachines:
    """Implementation of `Machines` without processes.

    :param reason: reason why scripts are simulated
    :ivar outcomes: next results by the name of a step or of a document. Each run of a step removes the first result of
        its list. A step without a result ends with exit code 0 and no output
    :ivar simulators: functions that return the result of each step of a document, by the name of the document
    :ivar executed_scripts: instance and script of every script that would have run, in order
    :ivar held_steps: events by the name of a step. The step ends only when its event is set or it is cancelled
    :ivar captures: instance and image of each capture, in order
    :ivar ssh_keys: instance, user, public key and end of each offered key
    :ivar interruptions: instance, action and time of each announced interruption
    :ivar on_power_off: called with the id of an instance that has switched itself off
    """

    is_real = False

    def __init__(self, reason: str = "") -> None:
        """Create an empty fleet."""
        self.reason = reason
        self.outcomes: dict[str, list[StepOutcome]] = {}
        self.simulators: dict[str, Callable[[MachineSpec], Outcome]] = {}
        self.executed_scripts: list[tuple[str, Script]] = []
        self.held_steps: dict[str, threading.Event] = {}
        self.captures: list[tuple[str, str]] = []
        self.ssh_keys: list[tuple[str, str, str, datetime]] = []
        self.interruptions: list[tuple[str, str, datetime]] = []
        self._machines: dict[str, _SimulatedMachine] = {}
        self.on_power_off: Callable[[str], None] = _ignore_power_off
        self._running = RunningDocuments()

    def create(self, spec: MachineSpec) -> None:
        """Create a machine that is down."""
        self._machines.setdefault(spec.instance_id, _SimulatedMachine(spec, gpu=(0,) * spec.gpu_count))

    def resize(self, spec: MachineSpec) -> None:
        """Use another type; its GPUs are not utilized."""
        machine = self._machines[spec.instance_id]
        machine.spec, machine.gpu = spec, (0,) * spec.gpu_count

    def boot(self, instance_id: str) -> None:
        """Boot the machine unless it is up."""
        machine = self._machines[instance_id]
        machine.boots += not machine.is_up
        machine.is_up = True

    def halt(self, instance_id: str) -> None:
        """Halt the machine."""
        self._machines[instance_id].is_up = False

    def power_off(self, instance_id: str) -> None:
        """Switch a machine off, as `systemctl poweroff` on the machine would."""
        self.halt(instance_id)
        self.on_power_off(instance_id)

    def reboot(self, instance_id: str) -> None:
        """Reboot a machine, as `reboot` on the machine would. It is up again at once."""
        self._machines[instance_id].boots += 1

    def destroy(self, instance_id: str) -> None:
        """Remove the machine and close its forwarded ports."""
        machine = self._machines.pop(instance_id)
        machine.is_up = False
        for forwarding in machine.forwardings:
            forwarding.close()

    def capture(self, instance_id: str, image_id: str) -> None:
        """Record the capture; there is no disk."""
        self.captures.append((self._machines[instance_id].spec.instance_id, image_id))

    def run(self, instance_id: str, invocation: Invocation) -> InvocationResult:
        """Run a document and wait for it.

        :raises MachineHalted: the machine is not up
        """
        machine = self._machines[instance_id]
        if not machine.is_up:
            raise MachineHalted(f"{instance_id} is not running.")
        with self._running.track(instance_id, invocation.command_id) as cancellation:
            shell = _SimulatedShell(self, machine)
            return run_document(invocation, shell, build_agent_environment(machine.spec), cancellation)

    def cancel(self, instance_id: str, command_id: str) -> None:
        """Cancel a running document."""
        self._running.cancel(self._machines[instance_id].spec.instance_id, command_id)

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        """Listen on a port, and close each connection at once, because the machine runs no program."""
        machine = self._machines[instance_id]

        def refuse() -> socket.socket:
            raise ConnectionRefusedError(f"{instance_id} is simulated, so no program listens on port {remote_port}.")

        relay = Relay(socket.create_server(("127.0.0.1", local_port)), refuse)
        machine.forwardings.append(relay)
        return relay

    def show_ssh_key(self, instance_id: str, user: str, key: str, until: datetime) -> None:
        """Record the offered key."""
        self.ssh_keys.append((instance_id, user, key, until))

    def show_interruption(self, instance_id: str, action: str, at: datetime) -> None:
        """Record the announced interruption."""
        self.interruptions.append((instance_id, action, at))

    def set_gpu_utilization(self, instance_id: str, percent: Sequence[int]) -> None:
        """Set the utilization of each GPU."""
        self._machines[instance_id].gpu = tuple(percent)

    def get_gpu_utilization(self, instance_id: str) -> Sequence[int]:
        """Return the last utilization that was set."""
        return self._machines[instance_id].gpu

    def count_boots(self, instance_id: str) -> int:
        """Return the number of boots of the machine."""
        return self._machines[instance_id].boots

    def close(self) -> None:
        """Destroy all machines."""
        for instance_id in list(self._machines):
            self.destroy(instance_id)


class _SimulatedShell:
    """Executor of scripts that takes their results from the fleet."""

    def __init__(self, fleet: SimulatedMachines, machine: _SimulatedMachine) -> None:
        self._fleet = fleet
        self._machine = machine

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """Wait while the step is held, and return the result of the script."""
        if not self._machine.is_up:
            raise MachineHalted(f"{self._machine.spec.instance_id} is not running.")
        self._fleet.executed_scripts.append((self._machine.spec.instance_id, script))
        if self._is_cancelled_while_held(script.step, cancellation):
            return ScriptResult(0, ending="cancelled")
        if not self._machine.is_up:
            raise MachineHalted(f"{self._machine.spec.instance_id} halted.")
        outcome = _take_outcome(self._fleet.outcomes, script) or self._simulate(script)
        if isinstance(outcome, MachineHalted):
            self.reboot()
            raise outcome
        return outcome if isinstance(outcome, ScriptResult) else ScriptResult(*outcome)

    def _simulate(self, script: Script) -> Outcome:
        simulate = self._fleet.simulators.get(script.document_name)
        return simulate(self._machine.spec) if simulate else (0, "", "")

    def reboot(self) -> None:
        """Count a reboot."""
        self._fleet.reboot(self._machine.spec.instance_id)

    def _is_cancelled_while_held(self, step: str, cancellation: Cancellation) -> bool:
        hold = self._fleet.held_steps.get(step)
        if hold:
            with cancellation.on_cancel(hold.set):
                if not cancellation.is_set():
                    hold.wait()
        return cancellation.is_set()


def _ignore_power_off(_: str) -> None:
    """Do nothing, because this fleet belongs to no cloud."""


def _take_outcome(outcomes: Mapping[str, list[StepOutcome]], script: Script) -> StepOutcome | None:
    for name in (script.step, script.document_name):
        if outcomes.get(name):
            return outcomes[name].pop(0)
    return None

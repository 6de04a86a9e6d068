"""The fleet of real processes: each machine a folder, and while it is up a set of namespaces with processes in it."""

import compileall
import json
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from local.machines.agent.agent import run_document
from local.machines.agent.shell import Cancellation, Script, ScriptResult
from local.machines.errors import MachineHalted, MachineRebooted
from local.machines.sandbox import disk, plan

from .fleet import Running, agent_environment
from .imds import Now
from .machine import Machine
from .port import Forwarding, Invocation, InvocationResult, MachineSpec
from .relay import Relay

OnPowerOff = Callable[[str], None]


@dataclass
class _Slot:
    """A machine of the fleet, up or not.

    :ivar lock: held while it goes up or down
    :ivar generation: counts its boots, so that a script can tell a reboot from a halt
    """

    spec: MachineSpec
    folder: Path
    lock: threading.RLock = field(default_factory=threading.RLock)
    machine: Machine | None = None
    generation: int = 0
    rebooting: bool = False
    forwardings: list[Relay] = field(default_factory=list)


class SandboxedMachines:
    """The `Machines` port with real processes.

    :param root: where the machines' folders are; made if it is not there
    :param now: the local cloud's clock, for the machines' metadata service
    :param on_power_off: called with the instance's id when it turned itself off; it is halted by then
    """

    is_real = True

    def __init__(self, root: Path, now: Now, on_power_off: OnPowerOff | None = None) -> None:
        self.root = root.resolve()
        self._now = now
        self._on_power_off = on_power_off
        self._identity = plan.identity()
        self._slots: dict[str, _Slot] = {}
        self._running = Running()
        self.root.mkdir(parents=True, exist_ok=True)
        compileall.compile_dir(plan.INSIDE, quiet=2)

    def create(self, spec: MachineSpec) -> None:
        """See the port."""
        if spec.instance_id in self._slots:
            return
        folder = self.root / spec.instance_id
        disk.remove(folder)
        if spec.copy_of:
            disk.copy(self._image(spec.copy_of), folder)
        else:
            disk.create(folder, spec, self._identity.first_id, self._identity.ids)
        (folder / "device").mkdir()
        self._slots[spec.instance_id] = _Slot(spec, folder)
        self.set_gpu_utilization(spec.instance_id, [0] * spec.gpu_count)

    def boot(self, instance_id: str) -> None:
        """See the port. :raises SandboxUnavailable: it does not come up"""
        slot = self._slots[instance_id]
        with slot.lock:
            if slot.machine and slot.machine.is_up:
                return
            self._halt(slot)
            slot.generation += 1
            boot_plan = plan.for_boot(slot.spec, slot.folder, self.root / ".programs", self._identity)
            slot.machine = Machine(slot.spec, slot.folder, boot_plan, self._now, lambda how: self._on_power(slot, how))

    def halt(self, instance_id: str) -> None:
        """See the port."""
        slot = self._slots[instance_id]
        with slot.lock:
            self._halt(slot)

    def capture(self, instance_id: str, image_id: str) -> None:
        """See the port."""
        disk.remove(self._image(image_id))
        disk.copy(self._slots[instance_id].folder, self._image(image_id))

    def _image(self, image_id: str) -> Path:
        return self.root / ".images" / image_id

    def destroy(self, instance_id: str) -> None:
        """See the port."""
        self.halt(instance_id)
        slot = self._slots.pop(instance_id)
        for forwarding in slot.forwardings:
            forwarding.close()
        disk.remove(slot.folder)

    def run(self, instance_id: str, invocation: Invocation) -> InvocationResult:
        """See the port. :raises MachineHalted: the machine is not up, or went down and did not come up by itself"""
        slot = self._slots[instance_id]
        with self._running.document(instance_id, invocation.command_id) as cancellation:
            shell = _SandboxShell(slot, lambda: self._reboot(slot))
            return run_document(invocation, shell, agent_environment(slot.spec), cancellation)

    def machine(self, instance_id: str) -> Machine:
        """The machine itself. :raises MachineHalted: it is not up"""
        machine = self._slots[instance_id].machine
        if machine is None:
            raise MachineHalted(f"{instance_id} does not run")
        return machine

    def cancel(self, instance_id: str, command_id: str) -> None:
        """See the port."""
        self._running.cancel(self._slots[instance_id].spec.instance_id, command_id)

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        """See the port. It outlives a halt: connections fail while the machine is down."""
        slot = self._slots[instance_id]

        def connect() -> socket.socket:
            return self.machine(instance_id).connect(remote_port)

        relay = Relay(socket.create_server(("127.0.0.1", local_port)), connect)
        slot.forwardings.append(relay)
        return relay

    def show_ssh_key(self, instance_id: str, user: str, key: str, until: datetime) -> None:
        """See the port. :raises MachineHalted: it is not up"""
        self.machine(instance_id).show_ssh_key(user, key, until)

    def set_gpu_utilization(self, instance_id: str, percent: Sequence[int]) -> None:
        """See the port."""
        slot = self._slots[instance_id]
        device = {
            "name": slot.spec.gpu,
            "memory_mib": slot.spec.gpu_memory_mib,
            "utilisation": list(percent)[: slot.spec.gpu_count],
        }
        draft = slot.folder / "device" / "draft"
        draft.write_text(json.dumps(device))
        draft.rename(slot.folder / "device" / "gpu.json")

    def close(self) -> None:
        """See the port. The folders stay."""
        for slot in self._slots.values():
            with slot.lock:
                self._halt(slot)
            for forwarding in slot.forwardings:
                forwarding.close()

    def _halt(self, slot: _Slot) -> None:
        machine, slot.machine = slot.machine, None
        if machine:
            machine.halt()

    def _reboot(self, slot: _Slot) -> None:
        with slot.lock:
            slot.rebooting = True
            try:
                self._halt(slot)
                self.boot(slot.spec.instance_id)
            finally:
                slot.rebooting = False

    def _on_power(self, slot: _Slot, how: str) -> None:
        if how == "reboot":
            return self._reboot(slot)
        with slot.lock:
            self._halt(slot)
        if self._on_power_off:
            self._on_power_off(slot.spec.instance_id)
        return None


class _SandboxShell:
    """Runs scripts on whatever boot of the machine is up."""

    def __init__(self, slot: _Slot, reboot: Callable[[], None]) -> None:
        self._slot = slot
        self._reboot = reboot

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        with self._slot.lock:
            machine, generation = self._slot.machine, self._slot.generation
        if machine is None:
            raise MachineHalted(f"{self._slot.spec.instance_id} does not run")
        try:
            return machine.execute(script, cancellation)
        except MachineHalted:
            if self._slot.rebooting or self._slot.generation != generation:
                raise MachineRebooted(f"{self._slot.spec.instance_id} was rebooted") from None
            raise

    def reboot(self) -> None:
        self._reboot()

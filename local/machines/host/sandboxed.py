"""Fleet with real processes: a machine is a folder and, while it is up, processes in namespaces of their own."""

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
from local.machines.errors import MachineHalted
from local.machines.sandbox import disk, plan

from .fleet import RunningDocuments, build_agent_environment
from .imds import Now
from .interface import Forwarding, Invocation, InvocationResult, MachineSpec
from .machine import Machine
from .relay import Relay

OnPowerOff = Callable[[str], None]


@dataclass
class _Slot:
    """A machine of the fleet, running or not.

    :ivar lock: held while the machine boots or halts
    """

    spec: MachineSpec
    folder: Path
    lock: threading.RLock = field(default_factory=threading.RLock)
    machine: Machine | None = None
    forwardings: list[Relay] = field(default_factory=list)


class SandboxedMachines:
    """Implementation of `Machines` with real processes.

    :param root: folder for the folders of the machines; created if it is missing
    :param now: returns the cloud's time, for the metadata service
    :param on_power_off: called with the id of an instance after it has switched itself off
    """

    is_real = True

    def __init__(self, root: Path, now: Now, on_power_off: OnPowerOff | None = None) -> None:
        """Create an empty fleet."""
        self.root = root.resolve()
        self._now = now
        self._on_power_off = on_power_off
        self._users = plan.find_user_range()
        self._slots: dict[str, _Slot] = {}
        self._running = RunningDocuments()
        self.root.mkdir(parents=True, exist_ok=True)
        compileall.compile_dir(plan.INSIDE, quiet=2)

    def create(self, spec: MachineSpec) -> None:
        """Create the disk, either empty or as a copy of a captured disk."""
        if spec.instance_id in self._slots:
            return
        folder = self.root / spec.instance_id
        disk.remove(folder)
        if spec.source_image:
            disk.copy(self._find_image_folder(spec.source_image), folder)
        else:
            disk.create(folder, spec, self._users.first_id, self._users.ids)
        (folder / "device").mkdir()
        self._slots[spec.instance_id] = _Slot(spec, folder)
        self.set_gpu_utilization(spec.instance_id, [0] * spec.gpu_count)

    def resize(self, spec: MachineSpec) -> None:
        """Use another type; the disk stays."""
        self._slots[spec.instance_id].spec = spec
        self.set_gpu_utilization(spec.instance_id, [0] * spec.gpu_count)

    def boot(self, instance_id: str) -> None:
        """Boot the machine unless it is up.

        :raises SandboxUnavailable: it does not boot
        """
        slot = self._slots[instance_id]
        with slot.lock:
            if slot.machine and slot.machine.is_up:
                return
            self._halt(slot)
            boot_plan = plan.build_plan(slot.spec, slot.folder, self.root / ".programs", self._users)
            slot.machine = Machine(
                slot.spec, slot.folder, boot_plan, self._now, lambda action: self._on_power(slot, action)
            )

    def halt(self, instance_id: str) -> None:
        """Halt the machine; its folder stays."""
        slot = self._slots[instance_id]
        with slot.lock:
            self._halt(slot)

    def capture(self, instance_id: str, image_id: str) -> None:
        """Copy the disk for machines that start from this image."""
        disk.remove(self._find_image_folder(image_id))
        disk.copy(self._slots[instance_id].folder, self._find_image_folder(image_id))

    def destroy(self, instance_id: str) -> None:
        """Halt the machine, close its forwarded ports, and remove its folder."""
        self.halt(instance_id)
        slot = self._slots.pop(instance_id)
        for forwarding in slot.forwardings:
            forwarding.close()
        disk.remove(slot.folder)

    def run(self, instance_id: str, invocation: Invocation) -> InvocationResult:
        """Run a document and wait for it.

        :raises MachineHalted: the machine is not up
        """
        slot = self._slots[instance_id]
        self.get_machine(instance_id)
        with self._running.track(instance_id, invocation.command_id) as cancellation:
            shell = _SandboxShell(slot, lambda: self._reboot(slot))
            return run_document(invocation, shell, build_agent_environment(slot.spec), cancellation)

    def get_machine(self, instance_id: str) -> Machine:
        """Return the running machine.

        :raises MachineHalted: it is not up
        """
        machine = self._slots[instance_id].machine
        if machine is None:
            raise MachineHalted(f"{instance_id} is not running.")
        return machine

    def cancel(self, instance_id: str, command_id: str) -> None:
        """Cancel a running document."""
        self._running.cancel(self._slots[instance_id].spec.instance_id, command_id)

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        """Forward a port. The forwarding stays during a halt, but connections fail while the machine is down."""
        slot = self._slots[instance_id]

        def connect() -> socket.socket:
            return self.get_machine(instance_id).connect(remote_port)

        relay = Relay(socket.create_server(("127.0.0.1", local_port)), connect)
        slot.forwardings.append(relay)
        return relay

    def show_ssh_key(self, instance_id: str, user: str, key: str, until: datetime) -> None:
        """Offer a public key in the metadata service.

        :raises MachineHalted: the machine is not up
        """
        self.get_machine(instance_id).show_ssh_key(user, key, until)

    def show_interruption(self, instance_id: str, action: str, at: datetime) -> None:
        """Announce an interruption in the metadata service.

        :raises MachineHalted: the machine is not up
        """
        self.get_machine(instance_id).show_interruption(action, at)

    def set_gpu_utilization(self, instance_id: str, percent: Sequence[int]) -> None:
        """Write the file that the machine's nvidia-smi reads."""
        slot = self._slots[instance_id]
        device = {
            "name": slot.spec.gpu,
            "memory_mib": slot.spec.gpu_memory_mib,
            "utilization": list(percent)[: slot.spec.gpu_count],
        }
        draft = slot.folder / "device" / "draft"
        draft.write_text(json.dumps(device))
        draft.rename(slot.folder / "device" / "gpu.json")

    def close(self) -> None:
        """Halt all machines and close all forwarded ports. The folders stay."""
        for slot in self._slots.values():
            with slot.lock:
                self._halt(slot)
            for forwarding in slot.forwardings:
                forwarding.close()

    def _find_image_folder(self, image_id: str) -> Path:
        return self.root / ".images" / image_id

    def _halt(self, slot: _Slot) -> None:
        machine, slot.machine = slot.machine, None
        if machine:
            machine.halt()

    def _reboot(self, slot: _Slot) -> None:
        with slot.lock:
            self._halt(slot)
            self.boot(slot.spec.instance_id)

    def _on_power(self, slot: _Slot, action: str) -> None:
        if action == "reboot":
            return self._reboot(slot)
        with slot.lock:
            self._halt(slot)
        if self._on_power_off:
            self._on_power_off(slot.spec.instance_id)
        return None


class _SandboxShell:
    """Executor of scripts on the current boot of a machine."""

    def __init__(self, slot: _Slot, reboot: Callable[[], None]) -> None:
        self._slot = slot
        self._reboot = reboot

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """Run a script."""
        with self._slot.lock:
            machine = self._slot.machine
        if machine is None:
            raise MachineHalted(f"{self._slot.spec.instance_id} is not running.")
        return machine.execute(script, cancellation)

    def reboot(self) -> None:
        """Halt and boot the machine."""
        self._reboot()

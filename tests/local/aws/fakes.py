"""Simulated machines that tests observe or block."""

import threading
from typing import Any

from local.machines.host.interface import Forwarding, MachineSpec
from local.machines.host.simulated import SimulatedMachines

TIMEOUT_SECONDS = 10.0
"""Maximum time in real seconds that a test waits for another thread."""


class RecordingMachines(SimulatedMachines):
    """Simulated machines that record calls.

    :ivar calls: names of the calls, in order
    """

    def __init__(self) -> None:
        super().__init__()
        self.specs: dict[str, MachineSpec] = {}
        self.calls: list[str] = []

    def create(self, spec: MachineSpec) -> None:
        self.specs[spec.instance_id] = spec
        self.calls.append("create")
        super().create(spec)

    def boot(self, instance_id: str) -> None:
        self.calls.append("boot")
        super().boot(instance_id)

    def halt(self, instance_id: str) -> None:
        self.calls.append("halt")
        super().halt(instance_id)

    def destroy(self, instance_id: str) -> None:
        self.calls.append("destroy")
        super().destroy(instance_id)


class BlockedMachines(SimulatedMachines):
    """Simulated machines that run documents in threads, as real machines do.

    :ivar began: set when a step has begun
    :ivar may_end: every step waits until the test sets it
    """

    is_real = True

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.held_steps = _BlockedSteps(self.began, self.may_end)


class _BlockedSteps(dict[str, threading.Event]):
    def __init__(self, began: threading.Event, may_end: threading.Event) -> None:
        super().__init__()
        self._began = began
        self._may_end = may_end

    def get(self, key: str, default: Any = None) -> threading.Event:
        self._began.set()
        return self._may_end


class PortMachines(SimulatedMachines):
    """Simulated machines that record forwardings and forward nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.taken_ports: set[int] = set()
        self.forwardings: list[FakeForwarding] = []

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        if local_port in self.taken_ports:
            raise OSError(98, "Address already in use")
        self.forwardings.append(FakeForwarding(remote_port, local_port or 49152))
        return self.forwardings[-1]


class FakeForwarding:
    """Forwarding that only records whether it is closed."""

    def __init__(self, remote_port: int, local_port: int) -> None:
        self.remote_port = remote_port
        self.local_port = local_port
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

"""Simulated machines that tests observe or block."""

import threading
from typing import Any

from local.machines.host.interface import MachineSpec
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

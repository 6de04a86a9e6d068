"""What every fleet does alike: who is there, what runs on whom, and the agent's environment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local.machines.agent.shell import Cancellation

from .port import MachineSpec


class Running:
    """The documents that run, by machine and command."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancellations: dict[tuple[str, str], Cancellation] = {}

    @contextmanager
    def document(self, instance_id: str, command_id: str) -> Iterator[Cancellation]:
        """Within, the document can be cancelled."""
        key, cancellation = (instance_id, command_id), Cancellation()
        with self._lock:
            self._cancellations[key] = cancellation
        try:
            yield cancellation
        finally:
            with self._lock:
                del self._cancellations[key]

    def cancel(self, instance_id: str, command_id: str) -> None:
        """Nothing happens where it does not run."""
        with self._lock:
            cancellation = self._cancellations.get((instance_id, command_id))
        if cancellation:
            cancellation.set()


def agent_environment(spec: MachineSpec) -> dict[str, str]:
    """What the agent tells every script of where it is."""
    return {"AWS_SSM_INSTANCE_ID": spec.instance_id, "AWS_SSM_REGION_NAME": spec.region}

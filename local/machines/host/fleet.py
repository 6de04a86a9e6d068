"""Code that both implementations of a fleet share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local.machines.agent.shell import Cancellation

from .interface import MachineSpec


class RunningDocuments:
    """Running documents by machine and command."""

    def __init__(self) -> None:
        """Start without documents."""
        self._lock = threading.Lock()
        self._cancellations: dict[tuple[str, str], Cancellation] = {}

    @contextmanager
    def track(self, instance_id: str, command_id: str) -> Iterator[Cancellation]:
        """Register a running document, so that it can be cancelled inside the block."""
        key, cancellation = (instance_id, command_id), Cancellation()
        with self._lock:
            self._cancellations[key] = cancellation
        try:
            yield cancellation
        finally:
            with self._lock:
                del self._cancellations[key]

    def cancel(self, instance_id: str, command_id: str) -> None:
        """Cancel a document. Do nothing if it is not running."""
        with self._lock:
            cancellation = self._cancellations.get((instance_id, command_id))
        if cancellation:
            cancellation.set()


def build_agent_environment(spec: MachineSpec) -> dict[str, str]:
    """Return the variables that the agent adds to each script."""
    return {
        "AWS_SSM_INSTANCE_ID": spec.instance_id,
        "AWS_SSM_REGION_NAME": spec.region,
        "AWS_SSM_PLATFORM_NAME": spec.platform_name,
        "AWS_SSM_PLATFORM_VERSION": spec.platform_version,
    }

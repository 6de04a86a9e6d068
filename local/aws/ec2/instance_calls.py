"""StartInstances, StopInstances, TerminateInstances, RebootInstances and a change of the type: allowed states."""

import copy
from collections.abc import Callable
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceBackend

from local.aws.core.errors import CloudError
from local.aws.core.faults import Faults
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import TrackedInstance

Method = Callable[[Any], Any]


class InstanceCalls:
    """Extension of moto's calls on one instance. Each call returns the state before it."""

    def __init__(self, lifecycle: Lifecycle, faults: Faults) -> None:
        """Create the extension."""
        self._lifecycle = lifecycle
        self._faults = faults

    def patch(self, patches: Patches) -> None:
        """Replace moto's immediate transitions."""
        patches.wrap(Instance, "start", self._start)
        patches.wrap(Instance, "stop", self._stop)
        patches.wrap(Instance, "terminate", self._terminate)
        patches.wrap(Instance, "reboot", self._reboot)
        patches.wrap(InstanceBackend, "modify_instance_attribute", self._modify_attribute)

    def _start(self, original: Method) -> Method:
        self._lifecycle.start_in_moto = original

        def start(instance: Any) -> Any:
            tracked, previous = self._find_instance(instance)
            if tracked.state in ("running", "pending"):
                return previous
            _require_state(tracked, "stopped", verb="started")
            if not self._faults.take_acknowledge_only("StartInstances"):
                self._lifecycle.start(tracked, original)
            return previous

        return start

    def _stop(self, original: Method) -> Method:
        def stop(instance: Any) -> Any:
            tracked, previous = self._find_instance(instance)
            if tracked.state in ("stopping", "stopped"):
                return previous
            _require_state(tracked, "running", verb="stopped")
            if not self._faults.take_acknowledge_only("StopInstances"):
                self._lifecycle.stop(tracked, original)
            return previous

        return stop

    def _terminate(self, original: Method) -> Method:
        self._lifecycle.terminate_in_moto = original

        def terminate(instance: Any) -> Any:
            tracked, previous = self._find_instance(instance)
            if tracked.state in ("shutting-down", "terminated"):
                return previous
            if not self._faults.take_acknowledge_only("TerminateInstances"):
                self._lifecycle.terminate(tracked)
            return previous

        return terminate

    def _reboot(self, original: Method) -> Method:
        def reboot(instance: Any) -> None:
            tracked, _ = self._find_instance(instance)
            _require_state(tracked, "running", verb="rebooted")
            original(instance)
            self._lifecycle.reboot(tracked)

        return reboot

    def _modify_attribute(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Change the type of a stopped instance only; moto changes it in every state."""

        def modify_instance_attribute(backend: Any, instance_id: str, key: str, value: Any) -> Any:
            if key != "instance_type":
                return original(backend, instance_id, key, value)
            instance = backend.get_instance(instance_id)
            tracked, _ = self._find_instance(instance)
            if value not in INSTANCE_TYPES:
                raise CloudError("InvalidInstanceAttributeValue", f"Invalid value '{value}' for InstanceType.")
            if tracked.state != "stopped":
                text = f"The instance '{instance_id}' is not in the 'stopped' state."
                raise CloudError("IncorrectInstanceState", text)
            self._lifecycle.change_type(tracked, value)
            return instance

        return modify_instance_attribute

    def _find_instance(self, instance: Any) -> tuple[TrackedInstance, Any]:
        return self._lifecycle.track(instance), copy.copy(instance._state)


def _require_state(tracked: TrackedInstance, state: str, verb: str) -> None:
    if tracked.state != state:
        raise CloudError(
            "IncorrectInstanceState",
            f"The instance '{tracked.instance.id}' is not in a state from which it can be {verb}.",
        )

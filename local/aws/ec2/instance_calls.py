"""StartInstances, StopInstances, TerminateInstances, RebootInstances: what each state allows, and begins."""

import copy
from collections.abc import Callable
from typing import Any

from moto.ec2.models.instances import Instance

from local.aws.core.errors import CloudError
from local.aws.core.faults import Faults
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import TrackedInstance

Method = Callable[[Any], Any]


class InstanceCalls:
    """moto's calls on one instance, each answering with the state before it."""

    def __init__(self, lifecycle: Lifecycle, faults: Faults) -> None:
        self._lifecycle = lifecycle
        self._faults = faults

    def patch(self, patches: Patches) -> None:
        patches.wrap(Instance, "start", self._start)
        patches.wrap(Instance, "stop", self._stop)
        patches.wrap(Instance, "terminate", self._terminate)
        patches.wrap(Instance, "reboot", self._reboot)

    def _start(self, original: Method) -> Method:
        def start(instance: Any) -> Any:
            life, previous = self._life_of(instance)
            if life.state in ("running", "pending"):
                return previous
            _require(life, "stopped", verb="started")
            if not self._faults.take_acknowledgement("StartInstances"):
                self._lifecycle.start(life, original)
            return previous

        return start

    def _stop(self, original: Method) -> Method:
        def stop(instance: Any) -> Any:
            life, previous = self._life_of(instance)
            if life.state in ("stopping", "stopped"):
                return previous
            _require(life, "running", verb="stopped")
            if not self._faults.take_acknowledgement("StopInstances"):
                self._lifecycle.stop(life, original)
            return previous

        return stop

    def _terminate(self, original: Method) -> Method:
        self._lifecycle.terminate_in_moto = original

        def terminate(instance: Any) -> Any:
            life, previous = self._life_of(instance)
            if life.state in ("shutting-down", "terminated"):
                return previous
            if not self._faults.take_acknowledgement("TerminateInstances"):
                self._lifecycle.terminate(life)
            return previous

        return terminate

    def _reboot(self, original: Method) -> Method:
        def reboot(instance: Any) -> None:
            life, _ = self._life_of(instance)
            _require(life, "running", verb="rebooted")
            original(instance)
            self._lifecycle.reboot(life)

        return reboot

    def _life_of(self, instance: Any) -> tuple[TrackedInstance, Any]:
        return self._lifecycle.life_of(instance), copy.copy(instance._state)


def _require(life: TrackedInstance, state: str, verb: str) -> None:
    if life.state != state:
        raise CloudError(
            "IncorrectInstanceState",
            f"The instance '{life.instance.id}' is not in a state from which it can be {verb}.",
        )

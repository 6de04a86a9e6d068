"""Machines that do nothing: every step of every document succeeds at once."""

from collections.abc import Sequence

from local.machines.port import Forwarding, Invocation, InvocationResult, MachineSpec, StepResult


class StillMachines:
    """The least that plays `port.Machines`; remembers what it was asked."""

    is_real = False

    def __init__(self) -> None:
        self.specs: dict[str, MachineSpec] = {}
        self.asked: list[tuple[str, str]] = []

    def create(self, spec: MachineSpec) -> None:
        self.specs[spec.instance_id] = spec
        self.asked.append(("create", spec.instance_id))

    def boot(self, instance_id: str) -> None:
        self.asked.append(("boot", instance_id))

    def halt(self, instance_id: str) -> None:
        self.asked.append(("halt", instance_id))

    def destroy(self, instance_id: str) -> None:
        self.asked.append(("destroy", instance_id))

    def run(self, instance_id: str, invocation: Invocation) -> InvocationResult:
        self.asked.append(("run", instance_id))
        steps = tuple(
            StepResult(step["name"], step["action"], "Success", 0, "done\n", "")
            for step in invocation.document["mainSteps"]
        )
        return InvocationResult("Success", 0, steps)

    def cancel(self, instance_id: str, command_id: str) -> None:
        self.asked.append(("cancel", instance_id))

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        raise OSError("these machines have no ports")

    def set_gpu_utilisation(self, instance_id: str, percent: Sequence[int]) -> None:
        self.asked.append(("gpu", instance_id))

    def close(self) -> None:
        self.asked.append(("close", ""))

"""Interface between the local cloud and the machines that run its instances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

StepStatus = Literal["Success", "Failed", "TimedOut", "Cancelled", "Skipped"]
InvocationStatus = Literal["Success", "Failed", "TimedOut", "Cancelled"]
Report = Literal["complete", "interrupted", "missing"]
"""How the agent reports a document: when it has ended; only after the machine, which went down meanwhile, is up again;
or never."""


@dataclass(frozen=True)
class MachineSpec:
    """Specification of the machine of one instance.

    :param gpu: name of the GPU in nvidia-smi ("Tesla T4"); None without a GPU
    :param environment: environment variables of every process on the machine, such as AWS_ENDPOINT_URL, which replaces
        the DNS names of a real instance
    :param source_image: id of the image whose captured disk the machine starts with; None is an empty disk
    """

    instance_id: str
    instance_type: str
    region: str
    gpu: str | None
    gpu_count: int
    gpu_memory_mib: int = 0
    arch: Literal["x86_64", "arm64"] = "x86_64"
    platform_name: str = "Ubuntu"
    platform_version: str = "22.04"
    environment: Mapping[str, str] = field(default_factory=dict)
    source_image: str | None = None
    market: Literal["on-demand", "spot"] = "on-demand"


@dataclass(frozen=True)
class Invocation:
    """A document to run on one machine.

    :param document: parsed content in schema 2.2
    :param parameters: parameters of SendCommand, without defaults
    """

    command_id: str
    document_name: str
    document: Mapping[str, Any]
    parameters: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class StepResult:
    """Result of one step. `stdout` and `stderr` are cut as the agent cuts them.

    :param seconds: real duration
    :param full_output: standard output and error of the script before they were cut
    :param output: both as one text, as ListCommandInvocations returns it, or why the step did not run
    """

    name: str
    action: str
    status: StepStatus
    exit_code: int
    stdout: str
    stderr: str
    seconds: float = 0.0
    full_output: tuple[str, str] = ("", "")
    output: str = ""


@dataclass(frozen=True)
class InvocationResult:
    """Result of the whole document.

    :param steps: results of its steps; a step without one did not end
    :param reboot_count: number of reboots that the steps requested
    """

    status: InvocationStatus
    exit_code: int
    steps: tuple[StepResult, ...]
    report: Report = "complete"
    reboot_count: int = 0


class Forwarding(Protocol):
    """A port of this computer that leads to a port of a machine."""

    @property
    def local_port(self) -> int:
        """Return the port of this computer."""
        ...

    def close(self) -> None:
        """Close the port and its connections."""
        ...


class Machines(Protocol):
    """A fleet of machines. Every method may be called repeatedly, and raises KeyError for an unknown machine."""

    @property
    def is_real(self) -> bool:
        """Return whether scripts really run. Otherwise their results are simulated."""
        ...

    def create(self, spec: MachineSpec) -> None:
        """Create the disk: a folder with a small root file system. The machine is down."""
        ...

    def resize(self, spec: MachineSpec) -> None:
        """Use another type, with its GPUs, from the next boot on. The machine is down."""
        ...

    def boot(self, instance_id: str) -> None:
        """Start the processes and the enabled services, with a new boot id."""
        ...

    def halt(self, instance_id: str) -> None:
        """End every process of the machine and wait for their end. The disk stays."""
        ...

    def capture(self, instance_id: str, image_id: str) -> None:
        """Store a copy of the disk for machines that start from this image."""
        ...

    def destroy(self, instance_id: str) -> None:
        """Halt the machine and remove its disk."""
        ...

    def run(self, instance_id: str, invocation: Invocation) -> InvocationResult:
        """Run a document as the agent does, and wait until it ends."""
        ...

    def cancel(self, instance_id: str, command_id: str) -> None:
        """Cancel a running document: kill the running step and cancel the others."""
        ...

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        """Listen on a port of this computer and forward it to a port of the machine's own 127.0.0.1.

        :param local_port: 0 for any free port
        :raises OSError: `local_port` cannot be used
        """
        ...

    def show_ssh_key(self, instance_id: str, user: str, key: str, until: datetime) -> None:
        """Offer a public key for a user in the machine's metadata service.

        :param until: end of the offer, on the cloud's clock
        """
        ...

    def show_interruption(self, instance_id: str, action: str, at: datetime) -> None:
        """Announce an interruption in the machine's metadata service until it halts.

        :param action: stop, terminate or hibernate
        """
        ...

    def set_gpu_utilization(self, instance_id: str, percent: Sequence[int]) -> None:
        """Set the utilization that the machine's nvidia-smi reports from now on.

        :param percent: one number per GPU
        """
        ...

    def close(self) -> None:
        """Halt all machines and close all forwarded ports."""
        ...

"""What the local cloud asks of its pretend instances, whoever plays them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

StepStatus = Literal["Success", "Failed", "TimedOut", "Cancelled", "Skipped"]
InvocationStatus = Literal["Success", "Failed", "TimedOut", "Cancelled"]


@dataclass(frozen=True)
class MachineSpec:
    """One pretend instance, as RunInstances described it.

    :param gpu: what nvidia-smi calls the GPU ("Tesla T4"), or None where the type has none
    :param environment: what every process on the machine sees, where a real one has DNS and a link-local address
        (AWS_ENDPOINT_URL and its like)
    :param copy_of: the captured disk that it begins with; None: an empty one
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
    copy_of: str | None = None


@dataclass(frozen=True)
class Invocation:
    """A document to be run on one machine.

    :param document: its parsed content, schema 2.2
    :param parameters: as SendCommand got them, defaults not yet filled in
    """

    command_id: str
    document_name: str
    document: Mapping[str, Any]
    parameters: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class StepResult:
    """What became of one step; output is already cut as the agent cuts it.

    :param seconds: how long it took, the world's
    :param whole: standard output and error as they were before they were cut
    """

    name: str
    action: str
    status: StepStatus
    exit_code: int
    stdout: str
    stderr: str
    seconds: float = 0.0
    whole: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class InvocationResult:
    """What became of the whole document."""

    status: InvocationStatus
    exit_code: int
    steps: tuple[StepResult, ...]


class Forwarding(Protocol):
    """A port of this computer that leads to a port of the machine."""

    @property
    def local_port(self) -> int: ...

    def close(self) -> None: ...


class Machines(Protocol):
    """The fleet. Every call may be repeated; a machine that is not there is a KeyError."""

    @property
    def is_real(self) -> bool:
        """Whether scripts really run, or their outcome is simulated."""
        ...

    def create(self, spec: MachineSpec) -> None:
        """The disk: a folder with a small root. Nothing runs yet."""
        ...

    def boot(self, instance_id: str) -> None:
        """Processes start; services that were enabled start by themselves; a new boot id."""
        ...

    def halt(self, instance_id: str) -> None:
        """Every process of the machine is gone when this returns; the folder stays."""
        ...

    def capture(self, instance_id: str, image_id: str) -> None:
        """Keep a copy of the disk as it is now, for machines that are copies of it."""
        ...

    def destroy(self, instance_id: str) -> None:
        """The folder goes too."""
        ...

    def run(self, instance_id: str, invocation: Invocation) -> InvocationResult:
        """Run a document as the agent does, in the world's seconds, and wait for it."""
        ...

    def cancel(self, instance_id: str, command_id: str) -> None:
        """Stop a running document: what runs is killed, the rest is Cancelled."""
        ...

    def forward(self, instance_id: str, remote_port: int, local_port: int) -> Forwarding:
        """Listen on 127.0.0.1:local_port (0: a free one) and lead it to the machine's own 127.0.0.1:remote_port.

        :raises OSError: local_port is taken
        """
        ...

    def show_ssh_key(self, instance_id: str, user: str, key: str, until: datetime) -> None:
        """Let the machine's metadata service show a public key for one of its users until then (cloud time)."""
        ...

    def set_gpu_utilization(self, instance_id: str, percent: Sequence[int]) -> None:
        """What the machine's nvidia-smi reports from now on, one figure a GPU."""
        ...

    def close(self) -> None:
        """Nothing of the fleet runs any more."""
        ...

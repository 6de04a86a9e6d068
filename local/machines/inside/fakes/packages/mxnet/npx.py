"""Fake `mxnet.npx`: devices."""

import json
from dataclasses import dataclass
from pathlib import Path

DEVICE_FILE = Path("/.machine/device/gpu.json")


@dataclass(frozen=True)
class Device:
    """A device of the machine, or one that does not exist."""

    kind: str
    index: int

    def __str__(self) -> str:
        """Return MXNet's notation, for example `gpu(0)`."""
        return f"{self.kind}({self.index})"

    def check(self) -> None:
        """Check that the device exists.

        :raises RuntimeError: it does not exist
        """
        if self.kind == "gpu" and self.index >= num_gpus():
            raise RuntimeError(f"Check failed: e == cudaSuccess: CUDA: invalid device ordinal {self.index}")


def cpu() -> Device:
    """Return the CPU."""
    return Device("cpu", 0)


def gpu(index: int = 0) -> Device:
    """Return a GPU, even if it does not exist."""
    return Device("gpu", index)


def num_gpus() -> int:
    """Return the number of GPUs."""
    return len(json.loads(DEVICE_FILE.read_text())["utilization"]) if DEVICE_FILE.exists() else 0


def set_np() -> None:
    """Do nothing, because the fake has only one kind of arrays."""

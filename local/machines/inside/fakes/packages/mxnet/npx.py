"""`mxnet.npx`: devices."""

import json
from dataclasses import dataclass
from pathlib import Path

DEVICE_FILE = Path("/.machine/device/gpu.json")


@dataclass(frozen=True)
class Device:
    """One of them."""

    kind: str
    index: int

    def __str__(self) -> str:
        return f"{self.kind}({self.index})"

    def check(self) -> None:
        """:raises RuntimeError: there is no such device"""
        if self.kind == "gpu" and self.index >= num_gpus():
            raise RuntimeError(f"Check failed: e == cudaSuccess: CUDA: invalid device ordinal {self.index}")


def cpu() -> Device:
    """The CPU."""
    return Device("cpu", 0)


def gpu(index: int = 0) -> Device:
    """A GPU, there or not."""
    return Device("gpu", index)


def num_gpus() -> int:
    """How many there are."""
    return len(json.loads(DEVICE_FILE.read_text())["utilisation"]) if DEVICE_FILE.exists() else 0


def set_np() -> None:
    """Nothing is to be switched here."""

"""Fake `torch.cuda` with the fake GPUs of the machine."""

import json
from typing import Any

from .version import DEVICE_FILE


def _read_gpus() -> dict[str, Any]:
    gpus: dict[str, Any] = json.loads(DEVICE_FILE.read_text()) if DEVICE_FILE.exists() else {"utilization": []}
    return gpus


def init() -> None:
    """Check that a GPU exists.

    :raises RuntimeError: there is none; the message is PyTorch's
    """
    if device_count() == 0:
        raise RuntimeError("No CUDA GPUs are available")


def device_count() -> int:
    """Return the number of GPUs."""
    return len(_read_gpus()["utilization"])


def is_available() -> bool:
    """Return whether there is a GPU."""
    return device_count() > 0


def get_device_name(device: str) -> str:
    """Return the name that nvidia-smi shows."""
    check(device)
    return str(_read_gpus()["name"])


def check(device: str) -> None:
    """Check that a device exists.

    :raises RuntimeError: it does not exist
    """
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= device_count():
        raise RuntimeError("CUDA error: invalid device ordinal")

"""The pretend machine's GPUs."""

import json
from typing import Any

from .version import DEVICE_FILE


def _gpus() -> dict[str, Any]:
    gpus: dict[str, Any] = json.loads(DEVICE_FILE.read_text()) if DEVICE_FILE.exists() else {"utilisation": []}
    return gpus


def init() -> None:
    """:raises RuntimeError: there is none, in PyTorch's words"""
    if device_count() == 0:
        raise RuntimeError("No CUDA GPUs are available")


def device_count() -> int:
    """How many there are."""
    return len(_gpus()["utilisation"])


def is_available() -> bool:
    """Whether there is one."""
    return device_count() > 0


def get_device_name(device: str) -> str:
    """As nvidia-smi calls it."""
    check(device)
    return str(_gpus()["name"])


def check(device: str) -> None:
    """:raises RuntimeError: there is no such device"""
    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0) >= device_count():
        raise RuntimeError("CUDA error: invalid device ordinal")

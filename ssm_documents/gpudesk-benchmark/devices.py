"""The devices that are measured, and how often."""

from __future__ import annotations

from dataclasses import dataclass

import torch

WARM_UPS = 3
MIN_REPETITIONS = 10


@dataclass(frozen=True)
class Devices:
    """The devices to measure.

    :param kind: "cuda" or "cpu"
    :param count: number of GPUs, or of CPU processes
    :param seconds: duration of each measurement
    """

    kind: str
    count: int
    seconds: float

    def get_device(self, index: int) -> torch.device:
        """Return the device with this index."""
        return torch.device(self.kind, index) if self.kind == "cuda" else torch.device("cpu")

    def list_counts(self) -> list[int]:
        """Return 1, 2, 4, ... and the number of all devices."""
        doubled = [1 << power for power in range(self.count.bit_length()) if 1 << power <= self.count]
        return sorted({*doubled, self.count})

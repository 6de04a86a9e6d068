"""Range of CUDA compute capabilities that a recipe supports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class ComputeCapabilityRange:
    """Range of CUDA compute capabilities. None: no limit on that side.

    :param reason: what sets the limits, for example "CUDA 10.1"
    :param by_architecture: ranges that replace this one on some architectures, because packages for them support fewer
        GPUs
    """

    minimum: str | None
    maximum: str | None
    reason: str | None = None
    by_architecture: Mapping[str, ComputeCapabilityRange] = field(default_factory=dict)

    def for_architecture(self, architecture: str) -> ComputeCapabilityRange:
        """Return the range for an architecture."""
        return self.by_architecture.get(architecture, self)

    def contains(self, capability: str) -> bool:
        """Return whether a capability such as "7.5" is in the range. 10.0 is greater than 9.0."""
        version = _parse_version(capability)
        is_high_enough = self.minimum is None or version >= _parse_version(self.minimum)
        return is_high_enough and (self.maximum is None or version <= _parse_version(self.maximum))

    def intersect(self, other: ComputeCapabilityRange) -> ComputeCapabilityRange:
        """Return the range that is in both, for each architecture."""
        architectures = {**self.by_architecture, **other.by_architecture}
        return replace(
            _intersect_limits(self, other),
            by_architecture={
                architecture: _intersect_limits(
                    self.for_architecture(architecture), other.for_architecture(architecture)
                )
                for architecture in architectures
            },
        )

    def __str__(self) -> str:
        """Return the range for a message: "3.0 to 7.5 (CUDA 10.1)"."""
        limits = (
            f"{self.minimum} to {self.maximum}"
            if self.minimum and self.maximum
            else f"{self.minimum} or more"
            if self.minimum
            else f"at most {self.maximum}"
        )
        return f"{limits} ({self.reason})" if self.reason else limits


def parse_range(entry: Mapping[str, Any]) -> ComputeCapabilityRange:
    """Return a range from the JSON of a recipe.

    :raises KeyError: a field is missing
    """
    by_architecture = {
        architecture: parse_range(limits) for architecture, limits in entry.get("by_architecture", {}).items()
    }
    return ComputeCapabilityRange(entry["min"], entry["max"], entry.get("reason"), by_architecture)


def _intersect_limits(first: ComputeCapabilityRange, second: ComputeCapabilityRange) -> ComputeCapabilityRange:
    """Return the higher minimum and the lower maximum, with the reasons of both ranges."""
    ranges = (first, second)
    minimum = max((limits.minimum for limits in ranges if limits.minimum), key=_parse_version, default=None)
    maximum = min((limits.maximum for limits in ranges if limits.maximum), key=_parse_version, default=None)
    reasons = dict.fromkeys(limits.reason for limits in ranges if limits.reason)
    return ComputeCapabilityRange(minimum, maximum, ", ".join(reasons) or None)


def _parse_version(capability: str) -> tuple[int, ...]:
    return tuple(int(part) for part in capability.split("."))

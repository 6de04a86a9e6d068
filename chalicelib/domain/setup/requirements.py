"""Where a recipe can be used: on which architectures, Ubuntu releases and GPUs; and what to ask for where it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.common.text import join_or

UBUNTU_RELEASE_PATTERN = re.compile(r"ubuntu(?:/server/|-)([0-9]{2}\.[0-9]{2})")
"""In the names of public parameters, Canonical's and those of the Deep Learning AMIs."""

MAX_SUGGESTED_GPUS = 6
"""GPUs in a sentence."""


@dataclass(frozen=True)
class ComputeCapabilityRange:
    """CUDA's compute capability; None: no bound on that side.

    :param reason: what sets the bounds, such as "CUDA 10.1"
    :param by_architecture: in their place on these, where packages are built for fewer GPUs than elsewhere
    """

    minimum: str | None
    maximum: str | None
    reason: str | None = None
    by_architecture: Mapping[str, ComputeCapabilityRange] = field(default_factory=dict)

    def for_architecture(self, architecture: str) -> ComputeCapabilityRange:
        """What holds on machines of that architecture."""
        return self.by_architecture.get(architecture, self)

    def contains(self, capability: str) -> bool:
        """Whether a GPU of that capability will do ("7.5"; as numbers, so 10.0 is more than 9.0)."""
        own = _numbers(capability)
        high_enough = self.minimum is None or own >= _numbers(self.minimum)
        return high_enough and (self.maximum is None or own <= _numbers(self.maximum))

    def __str__(self) -> str:
        bounds = (
            f"{self.minimum} to {self.maximum}"
            if self.minimum and self.maximum
            else f"{self.minimum} or more"
            if self.minimum
            else f"at most {self.maximum}"
        )
        return f"{bounds} ({self.reason})" if self.reason else bounds


@dataclass(frozen=True)
class RecipeRequirements:
    """What a recipe needs of a machine.

    :param ubuntu: the releases that its documents know
    :param compute_capability: of every NVIDIA GPU there; None: it uses none
    :param supports_cpu: whether it is of use without a GPU; its GPU steps are skipped there
    """

    architectures: tuple[str, ...]
    ubuntu: tuple[str, ...]
    compute_capability: ComputeCapabilityRange | None
    supports_cpu: bool

    def incompatibility(self, instance_type: InstanceType, image: str | None) -> str | None:
        """Why it cannot be used on that type, in words; None where it can.

        :param image: the public parameter of the image; one that names no release of Ubuntu is not judged by it
        """
        if instance_type.arch not in self.architectures:
            return (
                f"{instance_type.name} is {instance_type.arch}, and its packages are for {join_or(self.architectures)}"
            )
        release = ubuntu_release_of(image)
        if release is not None and release not in self.ubuntu:
            return f"the image is Ubuntu {release}, and it is made for {join_or(self.ubuntu)}"
        if instance_type.gpu is None:
            return None if self.supports_cpu else f"{instance_type.name} has no GPU, and it needs one"
        if self.compute_capability is None:
            return None
        needed = self.compute_capability.for_architecture(instance_type.arch)
        actual = instance_type.compute_capability
        if actual is None:
            return f"the {instance_type.gpu} has no CUDA, and it needs compute capability {needed}"
        if not needed.contains(actual):
            return f"the {instance_type.gpu} has compute capability {actual}, and it needs {needed}"
        return None

    def skips_gpu_steps(self, instance_type: InstanceType) -> bool:
        """Whether it does less there than elsewhere."""
        return self.compute_capability is not None and instance_type.gpu is None

    def intersect(self, other: RecipeRequirements) -> RecipeRequirements:
        """Where both can be used."""
        return RecipeRequirements(
            architectures=tuple(
                architecture for architecture in self.architectures if architecture in other.architectures
            ),
            ubuntu=tuple(each for each in self.ubuntu if each in other.ubuntu),
            compute_capability=_narrower(self.compute_capability, other.compute_capability),
            supports_cpu=self.supports_cpu and other.supports_cpu,
        )


def parse_requirements(entry: Mapping[str, Any]) -> RecipeRequirements:
    """From its JSON.

    :raises KeyError: something is missing
    """
    capability = entry["compute_capability"]
    return RecipeRequirements(
        architectures=tuple(entry["architectures"]),
        ubuntu=tuple(entry["ubuntu"]),
        compute_capability=_parse_capability(capability) if capability else None,
        supports_cpu=entry["supports_cpu"],
    )


def ubuntu_release_of(image: str | None) -> str | None:
    """Ubuntu's release as a public parameter names it; None where it names none."""
    found = UBUNTU_RELEASE_PATTERN.search(image or "")
    return found[1] if found else None


def suggest_types(
    fits: RecipeRequirements, image_of: Callable[[InstanceType], str | None], catalog: InstanceTypeCatalog, region: str
) -> str:
    """What could be asked for instead, in words: the cheapest type of each GPU, and of those without one.

    :param image_of: the public parameter of the image that a type would get
    """
    suitable = [
        kind
        for kind in catalog.types.values()
        if kind.unavailable is None and region in kind.prices and fits.incompatibility(kind, image_of(kind)) is None
    ]
    cheapest: dict[str | None, InstanceType] = {}
    for kind in sorted(suitable, key=lambda each: (each.prices[region], each.name)):
        cheapest.setdefault(kind.gpu, kind)
    gpus = [kind for kind in cheapest.values() if kind.gpu is not None]
    words = [f"{kind.gpu} ({kind.name}, ${kind.prices[region]} an hour)" for kind in gpus[:MAX_SUGGESTED_GPUS]]
    if None in cheapest:
        kind = cheapest[None]
        words.append(f"no GPU ({kind.name}, ${kind.prices[region]} an hour)")
    return f"what would fit in {region}: {join_or(words)}" if words else f"nothing in {region} would fit"


def compatible_gpus(
    fits: RecipeRequirements, image_of: Callable[[InstanceType], str | None], catalog: InstanceTypeCatalog
) -> list[str]:
    """Every GPU of a type that can be launched and on which it can be used, sorted."""
    kinds = (kind for kind in catalog.types.values() if kind.unavailable is None)
    return sorted(
        {kind.gpu for kind in kinds if kind.gpu and fits.incompatibility(kind, image_of(kind)) is None}, key=str.lower
    )


def _parse_capability(entry: Mapping[str, Any]) -> ComputeCapabilityRange:
    others = entry.get("by_architecture", {})
    by_architecture = {architecture: _parse_capability(each) for architecture, each in others.items()}
    return ComputeCapabilityRange(entry["min"], entry["max"], entry.get("reason"), by_architecture)


def _narrower(
    one: ComputeCapabilityRange | None, other: ComputeCapabilityRange | None
) -> ComputeCapabilityRange | None:
    if one is None or other is None:
        return one or other
    architectures = {**one.by_architecture, **other.by_architecture}
    return replace(
        _narrowest(one, other),
        by_architecture={
            architecture: _narrowest(one.for_architecture(architecture), other.for_architecture(architecture))
            for architecture in architectures
        },
    )


def _narrowest(one: ComputeCapabilityRange, other: ComputeCapabilityRange) -> ComputeCapabilityRange:
    least = max((each for each in (one.minimum, other.minimum) if each), key=_numbers, default=None)
    most = min((each for each in (one.maximum, other.maximum) if each), key=_numbers, default=None)
    reasons = dict.fromkeys(each.reason for each in (one, other) if each.reason)
    return ComputeCapabilityRange(least, most, ", ".join(reasons) or None)


def _numbers(capability: str) -> tuple[int, ...]:
    return tuple(int(part) for part in capability.split("."))

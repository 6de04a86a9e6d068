"""Where a recipe can be used: on which architectures, Ubuntu releases and GPUs; and what to ask for where it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.domain.catalogue import Catalogue, InstanceType

RELEASE = re.compile(r"ubuntu(?:/server/|-)([0-9]{2}\.[0-9]{2})")
"""In the names of public parameters, Canonical's and those of the Deep Learning AMIs."""

MOST_NAMED = 6
"""GPUs in a sentence."""


@dataclass(frozen=True)
class Capability:
    """CUDA's compute capability; None: no bound on that side.

    :param because: what sets the bounds, such as "CUDA 10.1"
    :param by_architecture: in their place on these, where packages are built for fewer GPUs than elsewhere
    """

    at_least: str | None
    at_most: str | None
    because: str | None = None
    by_architecture: Mapping[str, Capability] = field(default_factory=dict)

    def on(self, architecture: str) -> Capability:
        """What holds on machines of that architecture."""
        return self.by_architecture.get(architecture, self)

    def admits(self, capability: str) -> bool:
        """Whether a GPU of that capability will do ("7.5"; as numbers, so 10.0 is more than 9.0)."""
        own = _numbers(capability)
        high_enough = self.at_least is None or own >= _numbers(self.at_least)
        return high_enough and (self.at_most is None or own <= _numbers(self.at_most))

    def __str__(self) -> str:
        bounds = (
            f"{self.at_least} to {self.at_most}"
            if self.at_least and self.at_most
            else f"{self.at_least} or more"
            if self.at_least
            else f"at most {self.at_most}"
        )
        return f"{bounds} ({self.because})" if self.because else bounds


@dataclass(frozen=True)
class Fits:
    """What a recipe needs of a machine.

    :param ubuntu: the releases that its documents know
    :param capability: of every NVIDIA GPU there; None: it uses none
    :param cpu: whether it is of use without a GPU; its GPU steps are skipped there
    """

    architectures: tuple[str, ...]
    ubuntu: tuple[str, ...]
    capability: Capability | None
    cpu: bool

    def why_not(self, kind: InstanceType, image: str | None) -> str | None:
        """Why it cannot be used on that type, in words; None where it can.

        :param image: the public parameter of the image; one that names no release of Ubuntu is not judged by it
        """
        if kind.arch not in self.architectures:
            return f"{kind.name} is {kind.arch}, and its packages are for {_or(self.architectures)}"
        release = release_of(image)
        if release is not None and release not in self.ubuntu:
            return f"the image is Ubuntu {release}, and it is made for {_or(self.ubuntu)}"
        if kind.gpu is None:
            return None if self.cpu else f"{kind.name} has no GPU, and it needs one"
        if self.capability is None:
            return None
        if kind.compute_capability is None:
            return f"the {kind.gpu} has no CUDA, and it needs compute capability {self.capability.on(kind.arch)}"
        needed = self.capability.on(kind.arch)
        if not needed.admits(kind.compute_capability):
            return f"the {kind.gpu} has compute capability {kind.compute_capability}, and it needs {needed}"
        return None

    def skips_gpu_steps(self, kind: InstanceType) -> bool:
        """Whether it does less there than elsewhere."""
        return self.capability is not None and kind.gpu is None

    def and_also(self, other: Fits) -> Fits:
        """Where both can be used."""
        return Fits(
            architectures=tuple(each for each in self.architectures if each in other.architectures),
            ubuntu=tuple(each for each in self.ubuntu if each in other.ubuntu),
            capability=_narrower(self.capability, other.capability),
            cpu=self.cpu and other.cpu,
        )


def parse_fits(entry: Mapping[str, Any]) -> Fits:
    """From its JSON.

    :raises KeyError: something is missing
    """
    capability = entry["compute_capability"]
    return Fits(
        architectures=tuple(entry["architectures"]),
        ubuntu=tuple(entry["ubuntu"]),
        capability=_parse_capability(capability) if capability else None,
        cpu=entry["supports_cpu"],
    )


def release_of(image: str | None) -> str | None:
    """Ubuntu's release as a public parameter names it; None where it names none."""
    found = RELEASE.search(image or "")
    return found[1] if found else None


def what_fits(fits: Fits, image_of: Callable[[InstanceType], str | None], catalogue: Catalogue, region: str) -> str:
    """What could be asked for instead, in words: the cheapest type of each GPU, and of those without one.

    :param image_of: the public parameter of the image that a type would get
    """
    suitable = [
        kind
        for kind in catalogue.types.values()
        if kind.unavailable is None and region in kind.prices and fits.why_not(kind, image_of(kind)) is None
    ]
    cheapest: dict[str | None, InstanceType] = {}
    for kind in sorted(suitable, key=lambda each: (each.prices[region], each.name)):
        cheapest.setdefault(kind.gpu, kind)
    gpus = [kind for kind in cheapest.values() if kind.gpu is not None]
    words = [f"{kind.gpu} ({kind.name}, ${kind.prices[region]} an hour)" for kind in gpus[:MOST_NAMED]]
    if None in cheapest:
        kind = cheapest[None]
        words.append(f"no GPU ({kind.name}, ${kind.prices[region]} an hour)")
    return f"what would fit in {region}: {_or(words)}" if words else f"nothing in {region} would fit"


def gpus_that_fit(fits: Fits, image_of: Callable[[InstanceType], str | None], catalogue: Catalogue) -> list[str]:
    """Every GPU of a type that can be launched and on which it can be used, sorted."""
    kinds = (kind for kind in catalogue.types.values() if kind.unavailable is None)
    return sorted(
        {kind.gpu for kind in kinds if kind.gpu and fits.why_not(kind, image_of(kind)) is None}, key=str.lower
    )


def _parse_capability(entry: Mapping[str, Any]) -> Capability:
    others = entry.get("by_architecture", {})
    by_architecture = {architecture: _parse_capability(each) for architecture, each in others.items()}
    return Capability(entry["min"], entry["max"], entry.get("reason"), by_architecture)


def _narrower(one: Capability | None, other: Capability | None) -> Capability | None:
    if one is None or other is None:
        return one or other
    architectures = {**one.by_architecture, **other.by_architecture}
    return replace(
        _narrowest(one, other),
        by_architecture={each: _narrowest(one.on(each), other.on(each)) for each in architectures},
    )


def _narrowest(one: Capability, other: Capability) -> Capability:
    least = max((each for each in (one.at_least, other.at_least) if each), key=_numbers, default=None)
    most = min((each for each in (one.at_most, other.at_most) if each), key=_numbers, default=None)
    reasons = dict.fromkeys(each.because for each in (one, other) if each.because)
    return Capability(least, most, ", ".join(reasons) or None)


def _numbers(capability: str) -> tuple[int, ...]:
    return tuple(int(part) for part in capability.split("."))


def _or(names: tuple[str, ...] | list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

"""What can be asked for and what it costs: instance types, their GPUs, list prices with their date."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog import gpu_names
from chalicelib.domain.common.text import join_and, join_or

HOURS_PER_MONTH = Decimal(730)
"""AWS's own figure, for what is priced by the month."""


class UnknownType(ValueError):
    """No such instance type; `close` has the names that look most like it."""

    def __init__(self, name: str, close: Iterable[str]) -> None:
        self.close = tuple(close)
        super().__init__(f"there is no instance type {name!r} in the catalogue{_did_you_mean(self.close)}")


class UnknownGpu(ValueError):
    """No such GPU; `close` has the names that look most like it, or all of them."""

    def __init__(self, name: str, close: Iterable[str]) -> None:
        self.close = tuple(close)
        super().__init__(f"there is no GPU {name!r} in the catalogue{_did_you_mean(self.close)}")


class NoMatchingType(ValueError):
    """The GPU exists, but not in that number or not in that region; the message names what exists."""


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """What one GPU can do at most, by its maker's word; None where that is not known.

    :param fp16_bf16_tflops: dense matrix products on its tensor cores
    :param fp32_tflops: outside of them
    :param memory_gb_per_s: to and from its own memory
    """

    fp16_bf16_tflops: float | None = None
    fp32_tflops: float | None = None
    memory_gb_per_s: float | None = None


@dataclass(frozen=True)
class InstanceType:
    """One EC2 instance type.

    :param gpu: the model's name, None on a CPU type
    :param gpu_count: 0 on a CPU type; on a type that is unavailable, figures that nobody published are 0, too
    :param gpu_memory_mib: of one GPU
    :param compute_capability: of the GPU, for CUDA; None where it has none
    :param arch: x86_64 or arm64
    :param status: AWS's: current, previous-generation, legacy, retired, ultraserver
    :param quota_code: Service Quotas' code of the on-demand quota (in vCPUs) that a launch counts against
    :param image: the public SSM parameter that names the AMI to launch; None where the type is unavailable
    :param unavailable: why this desk cannot launch it and what would do instead; None where it can
    :param prices: region -> USD an hour, on demand, Linux
    :param instance_store_gb: of disks that a stop empties
    """

    name: str
    family: str
    gpu: str | None
    gpu_count: int
    gpu_memory_mib: int
    compute_capability: str | None
    vcpus: int
    memory_gib: float
    arch: str
    status: str
    quota_code: str | None
    image: str | None
    unavailable: str | None
    prices: Mapping[str, Decimal]
    instance_store_gb: int

    @property
    def nvidia_gpu_count(self) -> int:
        """How many GPUs nvidia-smi must list: what the probe is told to expect (a Radeon is none of them)."""
        return self.gpu_count if self.compute_capability else 0


@dataclass(frozen=True)
class InstanceTypeCatalog:
    """All types, and the prices that depend on none of them.

    :param peaks: GPU -> what it can do at most
    :param priced_at: the day on which the prices were collected
    :param source: where from, in words
    :param disk_per_gib_month: region -> USD for a GiB of gp3 a month
    :param snapshot_per_gib_month: the same for a GiB of a snapshot
    :param address_price_per_hour: USD for a public IPv4 address
    """

    types: Mapping[str, InstanceType]
    peaks: Mapping[str, Peaks]
    priced_at: date
    source: str
    disk_per_gib_month: Mapping[str, Decimal]
    snapshot_per_gib_month: Mapping[str, Decimal]
    address_price_per_hour: Decimal

    def get_type(self, name: str) -> InstanceType:
        """The type of that exact name, launchable or not.

        :raises UnknownType: there is none
        """
        found = self.types.get(name.strip().lower())
        if found is None:
            raise UnknownType(name, difflib.get_close_matches(name.lower(), self.types, n=3))
        return found

    def gpu_names(self) -> tuple[str, ...]:
        """Every GPU of a type that can be launched, sorted."""
        return tuple(sorted({each.gpu for each in self._launchable() if each.gpu}, key=str.lower))

    def regions(self) -> tuple[str, ...]:
        """Every region in which a launchable type has a price, sorted."""
        return tuple(sorted({region for each in self._launchable() for region in each.prices}))

    def match_gpus(self, text: str) -> tuple[str, ...]:
        """The GPUs that a person may mean: letter case, punctuation and the maker's name do not count.

        A name's first words are enough ("rtx pro 6000"); "A100" is both the 40 GB and the 80 GB one.

        :raises UnknownGpu: there is none
        """
        names = sorted({instance_type.gpu for instance_type in self.types.values() if instance_type.gpu})
        found = gpu_names.match(text, names)
        if not found:
            raise UnknownGpu(text, gpu_names.suggest(text, names) or self.gpu_names())
        return found

    def cheapest(self, gpu: str, gpu_count: int, region: str) -> InstanceType:
        """The launchable type with exactly that many of that GPU that costs least in the region.

        :raises UnknownGpu: nothing is called so
        :raises NoSuchOffer: that GPU is not to be had so; the message names what is
        """
        names = self.match_gpus(gpu)
        of_gpu = [instance_type for instance_type in self.types.values() if instance_type.gpu in names]
        launchable = [each for each in of_gpu if each.unavailable is None]
        if not launchable:
            raise NoMatchingType(next(each.unavailable for each in of_gpu if each.unavailable))
        counted = [each for each in launchable if each.gpu_count == gpu_count]
        if not counted:
            counts = join_and(sorted({each.gpu_count for each in launchable}))
            raise NoMatchingType(f"no type has exactly {gpu_count} x {join_or(names)}; they come in {counts}")
        priced = [each for each in counted if region in each.prices]
        if not priced:
            regions = join_and(sorted({place for each in counted for place in each.prices}))
            wish = f"{gpu_count} x {join_or(names)}"
            raise NoMatchingType(f"{wish} is not known to be offered in {region}; it is in {regions}")
        return min(priced, key=lambda each: (each.prices[region], each.vcpus, each.name))

    def price(self, instance_type: str, region: str) -> Decimal | None:
        """USD an hour on demand; None where no price is known."""
        found = self.types.get(instance_type)
        return found.prices.get(region) if found else None

    def disk_price_per_gib_hour(self, region: str) -> Decimal:
        """USD for a GiB of gp3; a region without a price of its own counts as the dearest that is known."""
        dearest = max(self.disk_per_gib_month.values())
        return self.disk_per_gib_month.get(region, dearest) / HOURS_PER_MONTH

    def snapshot_price_per_gib_month(self, region: str) -> Decimal:
        """USD for a GiB of a snapshot; a region without a price of its own counts as the dearest that is known."""
        return self.snapshot_per_gib_month.get(region, max(self.snapshot_per_gib_month.values()))

    def _launchable(self) -> Iterable[InstanceType]:
        return (instance_type for instance_type in self.types.values() if instance_type.unavailable is None)


def parse_catalog(data: Mapping[str, Any]) -> InstanceTypeCatalog:
    """The catalogue from its JSON.

    :raises KeyError, TypeError, ValueError: it is not one
    """
    capabilities = {name: model["compute_capability"] for name, model in data["gpus"].items()}
    return InstanceTypeCatalog(
        types={name: _parse_type(name, entry, capabilities.get) for name, entry in data["types"].items()},
        peaks={name: Peaks(**model["peaks"]) for name, model in data["gpus"].items()},
        priced_at=date.fromisoformat(data["priced_at"]),
        source=data["source"],
        disk_per_gib_month=_decimals(data["disk_usd_per_gib_month"]),
        snapshot_per_gib_month=_decimals(data["snapshot_usd_per_gib_month"]),
        address_price_per_hour=Decimal(data["address_usd_per_hour"]),
    )


def _parse_type(name: str, entry: Mapping[str, Any], capability: Callable[[str], str | None]) -> InstanceType:
    return InstanceType(
        name=name,
        family=entry["family"],
        gpu=entry["gpu"],
        gpu_count=int(entry["gpu_count"]),
        gpu_memory_mib=int(entry["gpu_memory_mib"]),
        compute_capability=capability(entry["gpu"]) if entry["gpu"] else None,
        vcpus=int(entry["vcpus"]),
        memory_gib=float(entry["memory_gib"]),
        arch=entry["arch"],
        status=entry["status"],
        quota_code=entry["quota_code"],
        image=entry["image"],
        unavailable=entry["unavailable"],
        prices=_decimals(entry["prices"]),
        instance_store_gb=int(entry["instance_store_gb"]),
    )


def _decimals(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {key: Decimal(text) for key, text in texts.items()}


def _did_you_mean(close: tuple[str, ...]) -> str:
    return f"; did you mean {join_or(close)}?" if close else ""

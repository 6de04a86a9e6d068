"""Define the catalog: the instance types that can be requested, their GPUs, and list prices with their date."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from chalicelib.domain.catalog import gpu_names
from chalicelib.domain.catalog.families import FamilyStatus
from chalicelib.domain.catalog.gpu_models import NVIDIA, GpuModel, Peaks
from chalicelib.domain.catalog.lookup_errors import NoMatchingType, UnknownGpu, UnknownType
from chalicelib.domain.catalog.type_facts import TypeFacts
from chalicelib.domain.common.text import join_or

HOURS_PER_MONTH = Decimal(730)
"""Number of hours by which AWS divides monthly prices."""


@dataclass(frozen=True, kw_only=True)
class InstanceType(TypeFacts):
    """One EC2 instance type: its facts, those of its family and of its GPU, and its prices.

    :param gpu_maker: None: unknown, or the type has no GPU
    :param compute_capability: CUDA's compute capability of the GPU; None: unknown, or the GPU has no CUDA
    :param image: the public SSM parameter with the id of the AMI to launch; None: the type is unavailable
    :param unavailable: why gpudesk cannot launch the type, and what to use; None: it can
    :param prices: USD per hour, on demand, Linux, by region
    :param unpriced_regions: regions that offer the type at a price that no source says
    :param priced_at: day on which the prices were collected; None: there are none
    :param price_source: where they come from; None: there are none
    :param prices_read_at: when the scheduled refresh read them from the Price List; None: they are packaged
    """

    family: str
    status: FamilyStatus
    gpu_maker: str | None
    compute_capability: str | None
    image: str | None
    unavailable: str | None
    prices: Mapping[str, Decimal]
    unpriced_regions: tuple[str, ...] = ()
    priced_at: date | None = None
    price_source: str | None = None
    prices_read_at: datetime | None = None

    @property
    def nvidia_gpu_count(self) -> int | None:
        """Return how many GPUs nvidia-smi must list, which the probe checks; None: unknown. A Radeon is none."""
        return self.gpu_count if self.gpu is None or self.gpu_maker == NVIDIA else 0


@dataclass(frozen=True)
class InstanceTypeCatalog:
    """All instance types, and the prices that do not depend on a type.

    :param gpu_models: by the name of the GPU
    :param priced_at: the day on which the newest prices were collected
    :param source: where the prices of disks, snapshots and addresses come from, for people
    :param disk_per_gib_month: USD per GiB of gp3 and month, by region
    :param snapshot_per_gib_month: USD per GiB of a snapshot and month, by region
    :param address_price_per_hour: USD per public IPv4 address and hour
    :param image_sizes: GiB of the public images by SSM parameter, to estimate disks; a launch reads the real size
    """

    types: Mapping[str, InstanceType]
    gpu_models: Mapping[str, GpuModel]
    priced_at: date
    source: str
    disk_per_gib_month: Mapping[str, Decimal]
    snapshot_per_gib_month: Mapping[str, Decimal]
    address_price_per_hour: Decimal
    image_sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def peaks(self) -> Mapping[str, Peaks]:
        """Return the maximum performance of one GPU, by the name of the GPU."""
        return {name: model.peaks for name, model in self.gpu_models.items()}

    def get_type(self, name: str) -> InstanceType:
        """Return the type of this exact name, also if it cannot be launched.

        :raises UnknownType: the catalog has no such type
        """
        instance_type = self.types.get(name.strip(" ").lower())
        if instance_type is None:
            launchable = [known.name for known in self._list_launchable()]
            raise UnknownType(name, difflib.get_close_matches(name.lower(), launchable, n=3))
        return instance_type

    def list_gpus(self) -> tuple[str, ...]:
        """Return the names of the GPUs that can be launched, sorted."""
        return tuple(sorted({item.gpu for item in self._list_launchable() if item.gpu}, key=str.lower))

    def list_regions(self) -> tuple[str, ...]:
        """Return the regions in which a launchable type has a price, sorted."""
        return tuple(sorted({region for item in self._list_launchable() for region in item.prices}))

    def match_gpus(self, text: str) -> tuple[str, ...]:
        """Return the GPUs that `text` can mean. Letter case, punctuation and the name of the maker do not matter.

        The first words of a name are enough ("rtx pro 6000"). "A100" matches both A100 40GB and A100 80GB.

        :raises UnknownGpu: no GPU matches
        """
        names = sorted({instance_type.gpu for instance_type in self.types.values() if instance_type.gpu})
        matches = gpu_names.match_names(text, names)
        if not matches:
            known = self.list_gpus()
            raise UnknownGpu(text, gpu_names.suggest_names(text, known), known)
        return matches

    def find_cheapest(
        self, gpu: str, gpu_count: int, region: str, usable_regions: Collection[str] | None = None
    ) -> InstanceType:
        """Return the cheapest launchable type in the region with exactly `gpu_count` GPUs.

        :param gpu: the name of the GPU as a person writes it
        :param usable_regions: the regions that an error may suggest; None: all
        :raises UnknownGpu: no GPU matches
        :raises NoMatchingType: no type has this GPU in this number or in this region
        """
        names = self.match_gpus(gpu)
        with_gpu = [instance_type for instance_type in self.types.values() if instance_type.gpu in names]
        launchable = [instance_type for instance_type in with_gpu if instance_type.unavailable is None]
        if not launchable:
            raise NoMatchingType(next(item.unavailable for item in with_gpu if item.unavailable))
        offer = f"{gpu_count} x {join_or(names)}"
        with_count = [instance_type for instance_type in launchable if instance_type.whole_gpu_count == gpu_count]
        if not with_count:
            counts = join_or(sorted({instance_type.whole_gpu_count or 0 for instance_type in launchable}))
            message = f"No instance type has exactly {offer}. Choose {counts}."
            raise NoMatchingType(message, field="gpu_count")
        with_price = [instance_type for instance_type in with_count if region in instance_type.prices]
        if not with_price:
            places = sorted({place for instance_type in with_count for place in instance_type.prices})
            choices = [place for place in places if usable_regions is None or place in usable_regions]
            advice = f"Choose {join_or(choices)}." if choices else "No region that you can use has one."
            raise NoMatchingType(f"No offer of {offer} is known in {region}. {advice}")
        return min(with_price, key=lambda item: (item.prices[region], item.vcpus or 0, item.name))

    def get_price(self, type_name: str, region: str) -> Decimal | None:
        """Return USD per hour on demand; None: no price is known."""
        found = self.types.get(type_name)
        return found.prices.get(region) if found else None

    def get_disk_price_per_gib_hour(self, region: str) -> Decimal:
        """Return USD per GiB of gp3 and hour. A region without a price of its own has the highest known price."""
        dearest = max(self.disk_per_gib_month.values())
        return self.disk_per_gib_month.get(region, dearest) / HOURS_PER_MONTH

    def get_snapshot_price_per_gib_month(self, region: str) -> Decimal:
        """Return USD per GiB of a snapshot and month. A region without its own price has the highest known price."""
        return self.snapshot_per_gib_month.get(region, max(self.snapshot_per_gib_month.values()))

    def _list_launchable(self) -> Iterable[InstanceType]:
        return (instance_type for instance_type in self.types.values() if instance_type.unavailable is None)

"""List the facts that no source says. They are shown as gaps, never filled with a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.catalog.families import FamilyStatus
from chalicelib.domain.catalog.gpu_models import GpuModel
from chalicelib.domain.catalog.instance_types import InstanceType, InstanceTypeCatalog
from chalicelib.domain.catalog.quotas import find_quota_codes

OPTIONAL_FIELDS = frozenset(
    {"gpu", "gpu_maker", "compute_capability", "image", "unavailable", "priced_at", "price_source", "prices_read_at"}
)
"""Fields of a type in which None is a fact, or a gap that is listed under another name."""


@dataclass(frozen=True)
class Gap:
    """A fact that is missing.

    :param subject: the name of a GPU model or of an instance type
    :param field: the name of the field: "peaks.fp64_tflops"
    """

    subject: str
    field: str


def list_gaps(catalog: InstanceTypeCatalog) -> list[Gap]:
    """Return what the catalog does not know, models first. Prices that retired types no longer have are no gaps."""
    models = [gap for model in catalog.gpu_models.values() for gap in _list_model_gaps(model)]
    return [*models, *(gap for each in catalog.types.values() for gap in _list_type_gaps(each))]


def _list_model_gaps(model: GpuModel) -> Iterator[Gap]:
    for name, peak in vars(model.peaks).items():
        if peak is None and model.has_precision(name):
            yield Gap(model.name, f"peaks.{name}")
    for name in ("maker", "architecture"):
        if getattr(model, name) is None:
            yield Gap(model.name, name)
    if not model.supports_cuda:
        return
    if model.compute_capability is None:
        yield Gap(model.name, "compute_capability")
    for name, versions in (("cuda", model.cuda), ("drivers", model.drivers)):
        for end, version in vars(versions).items():
            if version is None:
                yield Gap(model.name, f"{name}.{end}")


def _list_type_gaps(instance_type: InstanceType) -> Iterator[Gap]:
    for name, value in vars(instance_type).items():
        if value is None and name not in OPTIONAL_FIELDS:
            yield Gap(instance_type.name, name)
    for name, code in vars(find_quota_codes(instance_type.family)).items():
        if code is None:
            yield Gap(instance_type.name, f"quotas.{name}")
    if instance_type.status is FamilyStatus.RETIRED:
        return
    for region in instance_type.unpriced_regions:
        yield Gap(instance_type.name, f"prices.{region}")
    if not instance_type.prices and not instance_type.unpriced_regions:
        yield Gap(instance_type.name, "prices")

"""Instance types that are added to EC2 while the local cloud runs, as AWS adds some every year."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES, InstanceType, InstanceTypeBackend

from chalicelib.domain.catalog.instance_types import InstanceType as CatalogType
from chalicelib.store.data_files import load_catalog
from local.aws.core import moto_performance
from local.aws.core.patches import Patches

ZONE_KIND = "availability-zone"


@dataclass(frozen=True, kw_only=True)
class NewType:
    """An instance type to add.

    :param like: the type whose properties and zones it has
    :param gpu: the name of its GPU at EC2; empty: that of the other type
    :param usd_per_hour: its price in the Price List, on demand, in all regions of the other type
    """

    name: str
    like: str
    gpu: str = ""
    usd_per_hour: Decimal


class AddedTypes:
    """Extension with the types that were added. They are gone when the cloud is uninstalled."""

    def __init__(self) -> None:
        """Start without added types."""
        self._added: dict[str, NewType] = {}

    def add(self, new: NewType) -> None:
        """Add a type to DescribeInstanceTypes, DescribeInstanceTypeOfferings and the Price List.

        :raises ValueError: EC2 has the type already, or does not have the other one
        """
        if new.name in INSTANCE_TYPES:
            raise ValueError(f"EC2 has {new.name} already.")
        if new.like not in INSTANCE_TYPES:
            raise ValueError(f"EC2 has no type {new.like}.")
        info: dict[str, Any] = {**deepcopy(INSTANCE_TYPES[new.like]), "InstanceType": new.name}
        for gpu in info.get("GpuInfo", {}).get("Gpus", ()):
            gpu["Name"] = new.gpu or gpu["Name"]
        INSTANCE_TYPES[new.name] = info
        InstanceTypeBackend.instance_types.append(InstanceType(new.name))
        for offerings in _list_offerings():
            like = [offering for offering in offerings if offering["InstanceType"] == new.like]
            offerings.extend({**offering, "InstanceType": new.name} for offering in like)
        moto_performance.forget_offerings()
        self._added[new.name] = new

    def list_added(self) -> tuple[NewType, ...]:
        """Return the added types as they were requested."""
        return tuple(self._added.values())

    def list_types(self) -> Iterator[CatalogType]:
        """Yield the added types, in the form of the catalog."""
        for new in self._added.values():
            like = load_catalog().types[new.like]
            yield replace(like, name=new.name, prices=dict.fromkeys(like.prices, new.usd_per_hour))

    def patch(self, patches: Patches) -> None:
        """Remove the added types when the cloud is uninstalled."""
        patches.call_at_undo(self._remove_all)

    def _remove_all(self) -> None:
        if not self._added:
            return
        for name in self._added:
            del INSTANCE_TYPES[name]
        InstanceTypeBackend.instance_types[:] = [
            each for each in InstanceTypeBackend.instance_types if each["InstanceType"] not in self._added
        ]
        for offerings in _list_offerings():
            offerings[:] = [offering for offering in offerings if offering["InstanceType"] not in self._added]
        moto_performance.forget_offerings()
        self._added.clear()


def _list_offerings() -> Iterator[list[Mapping[str, Any]]]:
    """Yield moto's lists of offerings, one for each region and kind of location."""
    for by_region in INSTANCE_TYPE_OFFERINGS.values():
        yield from by_region.values()

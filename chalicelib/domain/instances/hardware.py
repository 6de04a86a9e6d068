"""Return the hardware and the price of an instance type, for the record of an instance."""

from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.spec import Hardware, Spec


def build_hardware(type_name: str, catalog: InstanceTypeCatalog) -> Hardware:
    """Return what a type has, also of one that is not in the catalog."""
    instance_type = catalog.types.get(type_name)
    if instance_type is None:
        return Hardware(instance_type=type_name)
    return Hardware(
        instance_type=instance_type.name,
        gpu=instance_type.gpu,
        gpu_count=instance_type.gpu_count,
        nvidia_gpu_count=instance_type.nvidia_gpu_count,
        arch=instance_type.arch,
        vcpus=instance_type.vcpus,
        instance_store_gb=instance_type.instance_store_gb,
    )


def find_rates(type_name: str, region: str, disk_gib: int | None, catalog: InstanceTypeCatalog) -> Rates:
    """Return list prices; None for a type or region that is not in the catalog.

    :param disk_gib: of disks whose price is known; None: their size or their price is not
    """
    return Rates(
        instance=catalog.get_price(type_name, region),
        disk=None if disk_gib is None else catalog.get_disk_price_per_gib_hour(region) * disk_gib,
        address=catalog.address_price_per_hour,
    )


def describe_price(type_name: str, price: Decimal | None) -> str:
    """Return what a running instance of a type costs, as a sentence.

    :param price: in US dollars per hour; None: unknown
    """
    if price is None:
        return f"gpudesk knows no price of {type_name}: AWS bills its hours, and all costs in gpudesk leave them out."
    return f"It costs {format_usd(price)} per hour while it runs."


def describe_unknown_gpus(spec: Spec) -> str:
    """Return what follows from an unknown number of GPUs, as sentences; an empty text if the number is known."""
    if spec.hardware.nvidia_gpu_count is not None:
        return ""
    unknown = f"gpudesk does not know how many GPUs {spec.hardware.instance_type} has."
    if "gpu" not in spec.enabled_signals:
        return unknown
    hours = pluralize(spec.policy.max_hours, "hour")
    return (
        f"{unknown} While the probe reads no GPU on it, it is not stopped for idleness: only the end of its lifetime "
        f"stops it, {hours} after its start (max_hours)."
    )


def describe_arch_mismatch(instance_type: str, type_arch: str | None, image_arch: str | None) -> str | None:
    """Return that EC2 rejects each start of the type with the AMI, and what to do; None if it need not reject it."""
    known = ("x86_64", "arm64")
    if type_arch not in known or image_arch not in known or type_arch == image_arch:
        return None
    return (
        f"{instance_type} is {type_arch} and the AMI is {image_arch}, so EC2 rejects each start. Change the type back, "
        "then start it; or launch another instance."
    )


def describe_unknown_disks(spec: Spec) -> str:
    """Return why the price of the disks is unknown, as a sentence."""
    if spec.disk_gib is None:
        return "gpudesk could not read the size of its disks, so its costs leave them out."
    return "Not all of its disks are gp3, and gpudesk knows only the price of gp3, so its costs leave them out."

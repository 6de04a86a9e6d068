"""Write chalicelib/data/catalog.json from data that was collected about AWS's GPU types.

    python tools/build_catalog.py FOLDER

FOLDER holds gpu_types.csv, gpu_prices.csv and gpu_models.csv. This module holds what these files do not say: CPU types,
prices of disks and addresses, images, which types cannot be launched, and why. The path and the number of types are
printed.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PRICED_AT = "2026-11-23"
"""Day on which the prices were collected. It is shown beside every price."""

SOURCE = (
    "On-demand Linux list prices, collected on the day that priced_at names, from stored copies (SkyPilot's catalog v8 "
    "and v9, Karpenter's generated prices of 2026-07), not read from AWS. CPU types in us-east-1: t3 from Karpenter, "
    "m7g.large from a public page of 2026-06. Their other prices and those of disks, snapshots and addresses are from "
    "memory."
)

DLAMI = "/aws/service/deeplearning/ami/{arch}/base-oss-nvidia-driver-gpu-ubuntu-{release}/latest/ami-id"
UBUNTU = "/aws/service/canonical/ubuntu/server/22.04/stable/current/{arch}/hvm/ebs-gp2/ami-id"

DISK_USD_PER_GIB_MONTH = {
    "eu-central-1": "0.0952",
    "eu-west-1": "0.088",
    "us-east-1": "0.08",
    "us-east-2": "0.08",
    "us-west-2": "0.08",
}
"""Prices of gp3. A region that is not listed has the highest of these: too high is better than too low."""

SNAPSHOT_USD_PER_GIB_MONTH = {
    "eu-central-1": "0.054",
    "eu-west-1": "0.05",
    "us-east-1": "0.05",
    "us-east-2": "0.05",
    "us-west-2": "0.05",
}
"""Prices of the standard tier, from memory like those of disks. https://aws.amazon.com/ebs/pricing/"""

ADDRESS_USD_PER_HOUR = "0.005"

STANDARD_QUOTA = "L-1216C47A"
CPU_REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
CPU_TYPES: tuple[tuple[str, int, int, str, tuple[str, str, str, str]], ...] = (
    ("t3.medium", 2, 4, "x86_64", ("0.0416", "0.0416", "0.0456", "0.048")),
    ("t3.large", 2, 8, "x86_64", ("0.0832", "0.0832", "0.0912", "0.096")),
    ("m7i.large", 2, 8, "x86_64", ("0.1008", "0.1008", "0.11235", "0.12075")),
    ("m7i.xlarge", 4, 16, "x86_64", ("0.2016", "0.2016", "0.2247", "0.2415")),
    ("c7i.2xlarge", 8, 16, "x86_64", ("0.357", "0.357", "0.3822", "0.4074")),
    ("m7g.large", 2, 8, "arm64", ("0.0816", "0.0816", "0.091", "0.0978")),
)
"""Name, vCPUs, GiB, architecture, USD per hour in each of CPU_REGIONS. They serve people without a GPU quota."""

RETIRED = "AWS no longer offers {name} ({gpu}). Use {instead}."
PROPRIETARY = (
    "{name} ({gpu}) needs NVIDIA's proprietary driver, which the image that gpudesk launches no longer contains. "
    "Use {instead}."
)
SLICE = (
    "{name} has a slice of an {gpu}. It needs NVIDIA's GRID driver, which no image of gpudesk contains. Use {instead}."
)
RACK = (
    "AWS sells {name} only as part of a rack (UltraServer) by Capacity Blocks, which gpudesk cannot book. "
    "Use {instead}."
)
UNPRICED = (
    "AWS sells {name} by Capacity Blocks. No on-demand price of it is known in any region, so gpudesk cannot say what "
    "it costs. Use {instead}."
)
BLOCKED: Mapping[str, tuple[str, str]] = {
    "g2": (RETIRED, "g4dn.xlarge (T4)"),
    "g3": (RETIRED, "g4dn.xlarge (T4)"),
    "g3s": (RETIRED, "g4dn.xlarge (T4)"),
    "p2": (RETIRED, "g4dn.xlarge (T4)"),
    "p3": (PROPRIETARY, "g4dn (T4) or g5 (A10G)"),
    "p3dn": (PROPRIETARY, "g5.48xlarge (8 A10G) or p4d.24xlarge (8 A100)"),
    "g6f": (SLICE, "g6.xlarge (one whole L4)"),
    "gr6f": (SLICE, "gr6.4xlarge (one whole L4)"),
    "p6e-gb200": (RACK, "p6-b200.48xlarge (8 B200)"),
    "p6e-gb300": (RACK, "p6-b300.48xlarge (8 B300)"),
}
UNPRICED_INSTEAD = "p5en.48xlarge (8 H200)"

PEAKS = {
    "fp16_bf16_tflops": "fp16_bf16_tensor_tflops_dense",
    "fp32_tflops": "fp32_tflops",
    "memory_gb_per_s": "memory_bandwidth_gb_s",
}
"""Peaks of the catalog and their columns: what one GPU can do at most, by its maker's data sheet."""

DISPUTED = {("B300", "fp16_bf16_tflops")}
"""The sources differ by a factor of two. Benchmarks are compared with the peak, so a wrong one is worse than none."""


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _prices(folder: Path) -> dict[str, dict[str, str]]:
    """Return USD per hour, by type and region. GovCloud is left out: it has separate accounts and images."""
    prices: dict[str, dict[str, str]] = {}
    for row in _rows(folder / "gpu_prices.csv"):
        usd, region = row["on_demand_usd_per_hour"], row["region"]
        if usd and not region.startswith("us-gov-"):
            prices.setdefault(row["type"], {})[region] = usd
    return prices


def _image(row: Mapping[str, str]) -> str:
    """Return the public SSM parameter with the id of the AMI to launch."""
    if row["family"] == "g4ad":
        return UBUNTU.format(arch="amd64")
    # When it was last looked up, the description of the 22.04 image did not name the driver that the g7 needs.
    return DLAMI.format(arch=row["arch"], release="24.04" if row["family"] == "g7" else "22.04")


def _unavailable(row: Mapping[str, str], prices: Mapping[str, str]) -> str | None:
    """Return why gpudesk cannot launch the type and what to use, or None if it can."""
    if row["family"] in BLOCKED:
        message, instead = BLOCKED[row["family"]]
        return message.format(name=row["type"], gpu=row["gpu"], instead=instead)
    if not prices:
        return UNPRICED.format(name=row["type"], instead=UNPRICED_INSTEAD)
    return None


def _whole(text: str) -> int:
    """Return a count. It is 0 if AWS gives a fraction (a slice of a GPU) or if it was not found."""
    return int(float(text or 0))


def _gpu_type(row: Mapping[str, str], prices: Mapping[str, str]) -> dict[str, Any]:
    unavailable = _unavailable(row, prices)
    return {
        "arch": row["arch"],
        "family": row["family"],
        "gpu": row["gpu"],
        "gpu_count": _whole(row["gpu_count"]),
        "gpu_memory_mib": _whole(row["gpu_memory_mib"]),
        "image": _image(row) if unavailable is None else None,
        "instance_store_gb": _whole(row["local_nvme_gb"]),
        "memory_gib": float(row["memory_gib"] or 0),
        "prices": dict(prices),
        "quota_code": row["quota_on_demand"] or None,
        "status": row["status"],
        "unavailable": unavailable,
        "vcpus": _whole(row["vcpus"]),
    }


def _peaks(row: Mapping[str, str]) -> dict[str, float | None]:
    """Return the peaks of a GPU; None for those that are not known."""
    return {
        name: float(row[column]) if row[column] and (row["gpu"], name) not in DISPUTED else None
        for name, column in PEAKS.items()
    }


def _cpu_types() -> dict[str, dict[str, Any]]:
    return {
        name: {
            "arch": arch,
            "family": name.partition(".")[0],
            "gpu": None,
            "gpu_count": 0,
            "gpu_memory_mib": 0,
            "image": UBUNTU.format(arch="amd64" if arch == "x86_64" else arch),
            "instance_store_gb": 0,
            "memory_gib": float(memory_gib),
            "prices": dict(zip(CPU_REGIONS, usd, strict=True)),
            "quota_code": STANDARD_QUOTA,
            "status": "current",
            "unavailable": None,
            "vcpus": vcpus,
        }
        for name, vcpus, memory_gib, arch, usd in CPU_TYPES
    }


def build(folder: Path) -> dict[str, Any]:
    """Return the catalog in the form that `chalicelib.domain.catalog.catalog_parsing.parse_catalog` reads."""
    prices = _prices(folder)
    types = {row["type"]: _gpu_type(row, prices.get(row["type"], {})) for row in _rows(folder / "gpu_types.csv")}
    return {
        "address_usd_per_hour": ADDRESS_USD_PER_HOUR,
        "disk_usd_per_gib_month": DISK_USD_PER_GIB_MONTH,
        "gpus": {
            row["gpu"]: {
                "architecture": row["architecture"],
                "compute_capability": row["compute_capability"] or None,
                "peaks": _peaks(row),
            }
            for row in _rows(folder / "gpu_models.csv")
        },
        "priced_at": PRICED_AT,
        "snapshot_usd_per_gib_month": SNAPSHOT_USD_PER_GIB_MONTH,
        "source": SOURCE,
        "types": types | _cpu_types(),
    }


def main() -> None:
    """Write the catalog."""
    folder = Path(sys.argv[1])
    target = Path(__file__).parent.parent / "chalicelib" / "data" / "catalog.json"
    catalog = build(folder)
    text = json.dumps(catalog, sort_keys=True, indent=1)
    target.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}: {len(catalog['types'])} types, {len(text)} bytes\n")


if __name__ == "__main__":
    main()

"""Write chalicelib/data/catalog.json from CSV files with data that was collected about AWS's GPU types.

    python -m tools.build_catalog FOLDER

FOLDER contains gpu_types.csv, gpu_prices.csv and gpu_models.csv. `catalog_facts.py` has the facts that are not in them.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.catalog_facts import (
    ADDRESS_USD_PER_HOUR,
    ALTERNATIVE_TO_UNPRICED,
    BLOCKED_FAMILIES,
    CPU_REGIONS,
    CPU_TYPES,
    DISK_USD_PER_GIB_MONTH,
    DISPUTED_PEAKS,
    DLAMI,
    IMAGE_GIB,
    PRICED_AT,
    SNAPSHOT_USD_PER_GIB_MONTH,
    SOURCE,
    STANDARD_QUOTA,
    UBUNTU,
    UNPRICED,
)

CATALOG = Path(__file__).parent.parent / "chalicelib" / "data" / "catalog.json"

PEAK_COLUMNS = {
    "fp16_bf16_tflops": "fp16_bf16_tensor_tflops_dense",
    "fp32_tflops": "fp32_tflops",
    "memory_gb_per_s": "memory_bandwidth_gb_s",
}
"""Columns of gpu_models.csv by the name of the peak: the most that one GPU can do, by the data sheet of its maker."""


def _read_rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _read_prices(folder: Path) -> dict[str, dict[str, str]]:
    """Return USD per hour by type and region, without GovCloud, which has separate accounts and images."""
    prices: dict[str, dict[str, str]] = {}
    for row in _read_rows(folder / "gpu_prices.csv"):
        usd, region = row["on_demand_usd_per_hour"], row["region"]
        if usd and not region.startswith("us-gov-"):
            prices.setdefault(row["type"], {})[region] = usd
    return prices


def _choose_image_parameter(row: Mapping[str, str]) -> str:
    """Return the name of the public SSM parameter with the id of the AMI."""
    if row["family"] == "g4ad":
        return UBUNTU.format(arch="amd64")
    # At the last check, the description of the 22.04 image did not name the driver that the g7 needs.
    return DLAMI.format(arch=row["arch"], release="24.04" if row["family"] == "g7" else "22.04")


def _find_obstacle(row: Mapping[str, str], prices: Mapping[str, str]) -> str | None:
    """Return why gpudesk cannot launch the type, and what to use instead; None if it can."""
    if row["family"] in BLOCKED_FAMILIES:
        message, instead = BLOCKED_FAMILIES[row["family"]]
        return message.format(name=row["type"], gpu=row["gpu"], instead=instead)
    if not prices:
        return UNPRICED.format(name=row["type"], instead=ALTERNATIVE_TO_UNPRICED)
    return None


def _parse_count(text: str) -> int:
    """Return a whole count. A fraction of 1 (a slice of a GPU) and a missing value are 0."""
    return int(float(text or 0))


def _build_gpu_type(row: Mapping[str, str], prices: Mapping[str, str]) -> dict[str, Any]:
    unavailable = _find_obstacle(row, prices)
    return {
        "arch": row["arch"],
        "family": row["family"],
        "gpu": row["gpu"],
        "gpu_count": _parse_count(row["gpu_count"]),
        "gpu_memory_mib": _parse_count(row["gpu_memory_mib"]),
        "image": _choose_image_parameter(row) if unavailable is None else None,
        "instance_store_gb": _parse_count(row["local_nvme_gb"]),
        "memory_gib": float(row["memory_gib"] or 0),
        "prices": dict(prices),
        "quota_code": row["quota_on_demand"] or None,
        "status": row["status"],
        "unavailable": unavailable,
        "vcpus": _parse_count(row["vcpus"]),
    }


def _read_peaks(row: Mapping[str, str]) -> dict[str, float | None]:
    """Return the peaks of a GPU. An unknown peak is None."""
    return {
        name: float(row[column]) if row[column] and (row["gpu"], name) not in DISPUTED_PEAKS else None
        for name, column in PEAK_COLUMNS.items()
    }


def _build_cpu_types() -> dict[str, dict[str, Any]]:
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


def build_catalog(folder: Path) -> dict[str, Any]:
    """Return the catalog in the form that `chalicelib.domain.catalog.catalog_parsing.parse_catalog` reads."""
    prices = _read_prices(folder)
    types = {
        row["type"]: _build_gpu_type(row, prices.get(row["type"], {})) for row in _read_rows(folder / "gpu_types.csv")
    }
    return {
        "address_usd_per_hour": ADDRESS_USD_PER_HOUR,
        "disk_usd_per_gib_month": DISK_USD_PER_GIB_MONTH,
        "gpus": {
            row["gpu"]: {
                "architecture": row["architecture"],
                "compute_capability": row["compute_capability"] or None,
                "peaks": _read_peaks(row),
            }
            for row in _read_rows(folder / "gpu_models.csv")
        },
        "image_gib": IMAGE_GIB,
        "priced_at": PRICED_AT,
        "snapshot_usd_per_gib_month": SNAPSHOT_USD_PER_GIB_MONTH,
        "source": SOURCE,
        "types": types | _build_cpu_types(),
    }


def main() -> None:
    """Write the catalog, and print its path and the number of its types."""
    parser = argparse.ArgumentParser(prog="build_catalog", description="Write chalicelib/data/catalog.json.")
    parser.add_argument("folder", type=Path, help="folder with gpu_types.csv, gpu_prices.csv and gpu_models.csv")
    catalog = build_catalog(parser.parse_args().folder)
    text = json.dumps(catalog, sort_keys=True, indent=1)
    CATALOG.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{CATALOG}: {len(catalog['types'])} types, {len(text)} bytes\n")


if __name__ == "__main__":
    main()

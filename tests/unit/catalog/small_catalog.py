"""A catalog of four types, with prices that make the choice obvious."""

from typing import Any

from chalicelib.domain.catalog.catalog_parsing import parse_document
from chalicelib.domain.catalog.document import CatalogDocument


def build_small_document() -> CatalogDocument:
    """Return the content of the catalog. The family `old` is retired, and its GPU is unknown."""
    families = {
        "x1": _build_family(
            {
                "x1.large": _build_type("X9 40GB", 1),
                "x1.small": _build_type("X9 40GB", 1),
                "x1.huge": _build_type("X9 40GB", 8),
            }
        ),
        "old": _build_family({"old.large": _build_type("Old", 1)}, status="retired", instead="x1.small"),
    }
    prices = {
        "x1": {
            "x1.large": {"us-east-1": "2.5"},
            "x1.small": {"us-east-1": "1.5", "eu-west-1": "9"},
            "x1.huge": {"eu-west-1": "12", "us-east-1": None},
        },
        "old": {"old.large": {"us-east-1": "0.1"}},
    }
    return parse_document(
        {
            "gpus": {
                "X9 40GB": _build_model(
                    {"fp32_tflops": 20.5}, compute_capability="9.9", aws_name="X9", aws_memory_mib=40960
                ),
                "Old": _build_model({}),
            },
            "families": families,
            "prices": {
                "priced_at": "2026-11-23",
                "source": "made up",
                "address_usd_per_hour": "0.005",
                "disk_usd_per_gib_month": {"us-east-1": "0.073", "eu-west-1": "0.146"},
                "snapshot_usd_per_gib_month": {"us-east-1": "0.05", "eu-west-1": "0.06"},
                "families": {
                    name: {"source": "a list", "as_of": "2026-11-23", "types": types} for name, types in prices.items()
                },
            },
        }
    )


def _build_model(peaks: dict[str, float], compute_capability: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "maker": "NVIDIA",
        "architecture": None,
        "compute_capability": compute_capability,
        "peaks": peaks,
        "cuda": [None, None],
        "drivers": [None, None],
        "source": "made up",
        **fields,
    }


def _build_family(types: dict[str, Any], status: str = "current", **fields: Any) -> dict[str, Any]:
    return {
        "status": status,
        "image": "/image",
        "source": "a dump",
        "as_of": "2026-10-27",
        "types": types,
        **fields,
    }


def _build_type(gpu: str, count: int) -> dict[str, Any]:
    return {
        "gpu": gpu,
        "gpu_count": count,
        "gpu_memory_mib": 40960,
        "vcpus": 4,
        "memory_mib": 16384,
        "arch": "x86_64",
        "disks": [],
        "network": "10 Gigabit",
        "network_cards": 1,
        "has_efa": False,
        "host": "nitro",
        "usage_classes": ["on-demand", "spot"],
    }

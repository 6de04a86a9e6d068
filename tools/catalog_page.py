"""Write docs/gpu-types.md from the catalog: `python -m tools.catalog_page`."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from chalicelib.domain.catalog.document import CatalogDocument, build_catalog
from chalicelib.domain.catalog.families import FamilyStatus
from chalicelib.domain.catalog.gpu_models import GpuModel, VersionRange
from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.quotas import find_quota_codes
from chalicelib.store.data_files import load_catalog_document

PAGE = Path(__file__).parent.parent / "docs" / "gpu-types.md"
GAP = "?"

HEADER = """# GPU types

<!-- Written by `make catalog-page` from chalicelib/data/catalog. `make catalog` reads the data from AWS. -->

Every instance type of AWS that has GPUs, as gpudesk knows it. **?** marks a gap: no source says the figure, or sources
disagree. gpudesk does not fill gaps with guesses: a recipe that requires a range of compute capabilities refuses a GPU
whose capability is unknown, and a type whose price is unknown everywhere cannot be launched.

`make catalog` reads DescribeInstanceTypes in every region of the account, the Price List and the public parameters of
the images, and writes the files of the catalog and this page. Each table of sources says what has been read from AWS,
and what comes from stored copies, and when. AWS publishes no compute capabilities, peaks and driver branches; they are
kept by hand in `gpus.json`.

A deployment also reads the types and prices of its regions every day and uses them instead of those of this page, also
types that are not in it ([offers](offers.md#new-types-and-list-prices)).

dl1 is left out. DescribeInstanceTypes lists its Gaudi accelerators among the GPUs, but no recipe can use them.
"""

MODEL_HEADER = (
    "GPU",
    "maker",
    "architecture",
    "compute capability",
    "FP64",
    "FP32",
    "TF32",
    "FP16, BF16",
    "FP8",
    "INT8",
    "GB/s",
    "CUDA",
    "driver",
)
TYPE_HEADER = (
    "type",
    "GPUs",
    "GiB each",
    "vCPUs",
    "GiB",
    "arch",
    "local disks (GB)",
    "network",
    "EFA",
    "host",
    "sold as",
    "regions with a price",
    "without",
)


def build_page(document: CatalogDocument) -> str:
    """Return the page."""
    catalog = build_catalog(document)
    with_gpu = [each for each in catalog.types.values() if each.gpu]
    models = sorted(document.gpu_models.values(), key=lambda model: model.name.lower())
    parts = [
        HEADER,
        "## GPU models\n",
        "Peaks of one GPU in TFLOPS (INT8: TOPS), dense; TF32 and smaller formats on the tensor cores; *none*: they",
        "lack the format. CUDA and driver: the first and the last version that support the GPU.\n",
        *_format_table(MODEL_HEADER, (_list_model_cells(model) for model in models)),
        "",
        *_format_table(("GPU", "source"), ((model.name, model.source) for model in models)),
        "\n## Types\n",
        "A slice is a part of a GPU: 1/8, 1/4 or 1/2. A bare metal host boots for up to 25 minutes. Types in",
        "parentheses cannot be launched.\n",
        *_format_table(TYPE_HEADER, (_list_type_cells(each) for each in with_gpu)),
        "\n## Families\n",
        "Quotas count vCPUs. *legacy*: AWS no longer lists the family; accounts that use it may still launch it.",
        "*retired*: nobody can launch it.\n",
        *_format_table(
            ("family", "status", "on-demand quota", "spot quota", "facts", "prices", "cannot be launched because"),
            _list_family_rows(document, {each.family: each for each in with_gpu}),
        ),
    ]
    return "\n".join(parts) + "\n"


def _list_model_cells(model: GpuModel) -> Sequence[str]:
    peaks = model.peaks
    return (
        model.name,
        model.maker or GAP,
        model.architecture or GAP,
        (model.compute_capability or GAP) if model.supports_cuda else "no CUDA",
        *(_format_number(peak) if model.has_precision(name) else "none" for name, peak in vars(peaks).items()),
        _format_range(model.cuda) if model.supports_cuda else "none",
        _format_range(model.drivers) if model.supports_cuda else "none",
    )


def _list_type_cells(each: InstanceType) -> Sequence[str]:
    disks = None if each.disks is None else " + ".join(f"{disk.count} x {disk.size_gb}" for disk in each.disks)
    return (
        each.name if each.unavailable is None else f"({each.name})",
        _format_gpus(each),
        _format_number(each.gpu_memory_mib and each.gpu_memory_mib / 1024),
        _format_number(each.vcpus),
        _format_number(each.memory_gib),
        each.arch,
        GAP if disks is None else disks or "none",
        each.network or GAP,
        GAP if each.has_efa is None else "yes" if each.has_efa else "no",
        each.host or GAP,
        GAP if each.usage_classes is None else ", ".join(each.usage_classes),
        str(len(each.prices)),
        ", ".join(each.unpriced_regions),
    )


def _list_family_rows(document: CatalogDocument, examples: dict[str, InstanceType]) -> Iterator[Sequence[str]]:
    for name, example in examples.items():
        family, prices = document.families[name], document.prices.families.get(name)
        has_no_price = "none" if family.status is FamilyStatus.RETIRED else GAP
        quotas = find_quota_codes(name)
        yield (
            name,
            family.status.value,
            quotas.on_demand or GAP,
            quotas.spot or GAP,
            f"{family.source} ({family.as_of})",
            f"{prices.source} ({prices.as_of})" if prices else has_no_price,
            example.unavailable or "",
        )


def _format_gpus(each: InstanceType) -> str:
    if each.gpu_count is None:
        return f"{GAP} {each.gpu}"
    is_slice = each.gpu_partition_size < 1
    count = f"1/{round(1 / each.gpu_partition_size)}" if is_slice else str(each.gpu_count)
    return f"{count} {each.gpu}"


def _format_range(versions: VersionRange) -> str:
    return f"{versions.first or GAP} to {versions.last or GAP}"


def _format_number(value: float | None) -> str:
    return GAP if value is None else f"{round(value, 2):g}"


def _format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def write_page(document: CatalogDocument) -> None:
    """Write the page of the catalog."""
    PAGE.write_text(build_page(document), encoding="utf-8")


if __name__ == "__main__":
    write_page(load_catalog_document())

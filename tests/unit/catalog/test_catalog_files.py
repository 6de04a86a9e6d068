"""The files of the catalog: complete, in step with other lists of AWS's types, and with a source for everything."""

from collections import Counter
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from chalicelib.aws.instance_types import GPU_MAKERS, parse_type_info
from chalicelib.domain.catalog.catalog_encoding import encode_document
from chalicelib.domain.catalog.families import FamilyStatus, get_family_name
from chalicelib.domain.catalog.gaps import Gap, list_gaps
from chalicelib.domain.catalog.gpu_models import find_model
from chalicelib.domain.catalog.quotas import NAMES, QuotaCodes, find_quota_codes
from chalicelib.domain.catalog.type_facts import HostKind
from chalicelib.domain.instances.spec import Hardware
from chalicelib.store.data_files import CATALOG_FILES, load_catalog, load_catalog_document
from tools.catalog_files import CATALOG_FOLDER, format_json
from tools.catalog_page import PAGE, build_page

DOCUMENT = load_catalog_document()
CATALOG = load_catalog()
GPU_TYPES = {name: each for name, each in CATALOG.types.items() if each.gpu}

TYPES_PER_FAMILY = {
    "cg1": 1,
    "g2": 2,
    "g3": 3,
    "g3s": 1,
    "g4ad": 5,
    "g4dn": 7,
    "g5": 8,
    "g5g": 6,
    "g6": 8,
    "g6e": 8,
    "g6f": 4,
    "g7": 6,
    "g7e": 6,
    "gr6": 2,
    "gr6f": 1,
    "p2": 3,
    "p3": 3,
    "p3dn": 1,
    "p4d": 1,
    "p4de": 1,
    "p5": 2,
    "p5e": 1,
    "p5en": 1,
    "p6-b200": 1,
    "p6-b300": 1,
    "p6e-gb200": 2,
    "p6e-gb300": 2,
}
"""The collected lists have 86 types. cg1, the first family with GPUs, is older than all of them."""

NO_QUOTAS = {"cg1", "p6e-gb200", "p6e-gb300"}
"""AWS retired cg1 before there were quotas in vCPUs, and sells p6e by Capacity Blocks."""

NOT_GPUS = {"dl1.24xlarge"}
"""Its Gaudi accelerators stand among the GPUs of EC2."""


def test_catalog_has_every_collected_gpu_type() -> None:
    assert Counter(each.family for each in GPU_TYPES.values()) == TYPES_PER_FAMILY


def test_catalog_has_every_gpu_type_that_the_sdk_names() -> None:
    shape: Any = botocore.session.get_session().get_service_model("ec2").shape_for("InstanceType")
    named = {name for name in shape.enum if name.startswith(("cg", "g", "p"))}
    assert len(named) > 80
    assert named <= GPU_TYPES.keys()


def test_facts_are_those_that_ec2_describes() -> None:
    described = [parse_type_info(info) for info in INSTANCE_TYPES.values() if info.get("GpuInfo")]
    with_gpu = [each for each in described if each.gpu_maker in GPU_MAKERS and each.facts.name not in NOT_GPUS]
    assert len(with_gpu) > 60
    for each in with_gpu:
        facts, known = each.facts, DOCUMENT.families[get_family_name(each.facts.name)].types[each.facts.name]
        memory_mib = facts.gpu_memory_mib if facts.gpu_partition_size == 1 else None
        model = find_model(DOCUMENT.gpu_models.values(), facts.gpu or "", memory_mib)
        assert model, facts.name
        assert known == replace(facts, gpu=model.name)


def test_families_of_the_book_are_there_and_the_retired_ones_are_marked() -> None:
    status = {name: family.status for name, family in DOCUMENT.families.items()}
    assert {name for name in status if status[name] is FamilyStatus.RETIRED} == {"cg1", "g2", "g3", "g3s", "p2"}
    assert {name for name in status if status[name] is FamilyStatus.LEGACY} == {"g4ad", "p3"}
    assert CATALOG.get_type("g4dn.xlarge").status is FamilyStatus.CURRENT
    for each in CATALOG.types.values():
        if each.status in {FamilyStatus.RETIRED, FamilyStatus.ULTRASERVER}:
            assert each.unavailable, each.name


def test_quotas_are_those_whose_names_list_the_series() -> None:
    for name in DOCUMENT.families:
        codes = find_quota_codes(name)
        assert {codes.on_demand, codes.spot} - {None} <= NAMES.keys()
        assert (codes == QuotaCodes()) == (name in NO_QUOTAS), name
    assert find_quota_codes("g6e").spot != find_quota_codes("p5").spot != find_quota_codes("p4d").spot
    assert find_quota_codes("p6-b200") == QuotaCodes("L-417A185B", None), "no source names its spot quota"


def test_bare_metal_types_are_those_that_boot_slowly() -> None:
    metal = {each.name for each in CATALOG.types.values() if each.host is HostKind.METAL}
    assert metal == {"g4dn.metal", "g5g.metal"}
    assert metal == {name for name in CATALOG.types if Hardware(instance_type=name).boot_allowance}


def test_slice_is_no_whole_gpu() -> None:
    part = CATALOG.get_type("g6f.2xlarge")
    assert (part.gpu_partition_size, part.whole_gpu_count, part.gpu_memory_mib) == (0.25, 0, 5722)
    assert part.nvidia_gpu_count == 1, "the system sees one GPU"


def test_every_family_and_model_has_a_source() -> None:
    assert all(family.source and family.types for family in DOCUMENT.families.values())
    assert all(prices.source for prices in DOCUMENT.prices.families.values())
    assert all(model.source for model in DOCUMENT.gpu_models.values())
    assert {each.gpu for each in GPU_TYPES.values()} == DOCUMENT.gpu_models.keys()


def test_unknown_facts_are_gaps_and_formats_that_a_gpu_lacks_are_none() -> None:
    gaps = list_gaps(CATALOG)
    assert Gap("T4g", "peaks.fp32_tflops") in gaps
    assert Gap("p6e-gb300.72xlarge", "gpu_count") in gaps
    assert Gap("p6-b200.48xlarge", "quotas.spot") in gaps
    assert Gap("g4dn.xlarge", "prices.sa-east-1") in gaps
    assert Gap("p6e-gb200.36xlarge", "prices") in gaps
    assert Gap("T4", "peaks.fp8_tflops") not in gaps, "Turing has no FP8"
    assert not [gap for gap in gaps if gap.subject == "H100" and gap.field.startswith("peaks.")]
    assert not [gap for gap in gaps if gap.field.startswith("prices") and gap.subject.startswith("p2.")]


@pytest.mark.parametrize("name", CATALOG_FILES)
def test_file_is_written_as_the_refresh_writes_it(name: str) -> None:
    text = (CATALOG_FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert text == format_json(encode_document(DOCUMENT)[name]) + "\n"


def test_page_is_the_one_of_the_catalog() -> None:
    assert PAGE.read_text(encoding="utf-8") == build_page(DOCUMENT), "run: make catalog-page"

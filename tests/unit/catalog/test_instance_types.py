"""Test the catalog of instance types and its prices."""

from datetime import date
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.document import build_catalog
from chalicelib.domain.catalog.gpu_models import Peaks
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.lookup_errors import NoMatchingType, UnknownGpu, UnknownType
from chalicelib.domain.catalog.quotas import find_quota_codes
from chalicelib.store import data_files
from tests.unit.catalog.small_catalog import build_small_document

CATALOG = data_files.load_catalog()


def build_small_catalog() -> InstanceTypeCatalog:
    return build_catalog(build_small_document())


def test_cheapest_type_with_the_exact_gpu_count_is_chosen() -> None:
    assert build_small_catalog().find_cheapest("X9 40GB", 1, "us-east-1").name == "x1.small"
    assert build_small_catalog().find_cheapest("X9 40GB", 8, "eu-west-1").name == "x1.huge"


def test_impossible_gpu_count_names_the_possible_ones() -> None:
    with pytest.raises(NoMatchingType, match=r"exactly 3 x X9 40GB\. Choose 1 or 8\."):
        build_small_catalog().find_cheapest("X9 40GB", 3, "us-east-1")


def test_region_without_offer_names_the_regions_with_one() -> None:
    with pytest.raises(NoMatchingType, match=r"No offer of 8 x X9 40GB is known in us-east-1\. Choose eu-west-1\."):
        build_small_catalog().find_cheapest("X9 40GB", 8, "us-east-1")


def test_unavailable_gpu_names_a_replacement() -> None:
    with pytest.raises(NoMatchingType, match=r"^AWS no longer offers old\.large \(Old\)\. Use x1\.small\.$"):
        build_small_catalog().find_cheapest("old", 1, "us-east-1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T4", ("T4",)),
        ("t4g", ("T4g",)),
        ("NVIDIA A10G", ("A10G",)),
        ("Tesla T4", ("T4",)),
        ("rtx pro 6000", ("RTX PRO 6000 Server",)),
        ("RTX-PRO-6000-Server", ("RTX PRO 6000 Server",)),
        ("a100", ("A100 40GB", "A100 80GB")),
        ("A100-80GB", ("A100 80GB",)),
        ("l4", ("L4",)),
        ("radeon pro v520", ("Radeon Pro V520",)),
    ],
)
def test_gpu_names_match_without_case_punctuation_and_maker(text: str, expected: tuple[str, ...]) -> None:
    assert CATALOG.match_gpus(text) == expected


@pytest.mark.parametrize(("text", "suggestion"), [("h10", "H100"), ("L40", "L40S"), ("a10", "A10G")])
def test_unknown_gpu_suggests_similar_names(text: str, suggestion: str) -> None:
    with pytest.raises(UnknownGpu, match=suggestion) as refused:
        CATALOG.match_gpus(text)
    assert suggestion in refused.value.suggestions


@pytest.mark.parametrize("text", ["", "-", "nvidia"])
def test_gpu_name_without_similar_ones_names_some_of_the_known_gpus(text: str) -> None:
    with pytest.raises(UnknownGpu, match=r"It must be one of A100 40GB, (.+, ){4}.+ and \d+ more\.$") as refused:
        CATALOG.match_gpus(text)
    assert refused.value.suggestions == ()


def test_unknown_type_suggests_similar_names() -> None:
    with pytest.raises(UnknownType, match=r"Did you mean g4dn\.xlarge") as refused:
        CATALOG.get_type("g4dn.xlrage")
    assert refused.value.suggestions[0] == "g4dn.xlarge"


def test_type_names_ignore_case() -> None:
    assert CATALOG.get_type(" G5.XLarge ").gpu == "A10G"


def test_disk_without_a_regional_price_has_the_highest_price() -> None:
    assert build_small_catalog().get_disk_price_per_gib_hour("us-east-1") == Decimal("0.0001")
    assert build_small_catalog().get_disk_price_per_gib_hour("mars-north-1") == Decimal("0.0002")


def test_prices_have_a_date_and_a_source() -> None:
    assert CATALOG.priced_at == date(2026, 11, 23)
    assert "from memory" in CATALOG.source.lower()
    assert CATALOG.get_type("p5e.48xlarge").price_source is None, "it has no price"
    priced = CATALOG.get_type("g4dn.xlarge")
    assert priced.priced_at == date(2026, 11, 23)
    assert "SkyPilot" in (priced.price_source or "")
    assert CATALOG.get_price("g4dn.xlarge", "us-east-1") == Decimal("0.526")
    assert CATALOG.get_price("g4dn.xlarge", "mars-north-1") is None
    assert CATALOG.get_price("nothing.large", "us-east-1") is None
    assert CATALOG.address_price_per_hour == Decimal("0.005")


def test_every_type_has_a_price_or_a_reason_why_it_cannot_be_launched() -> None:
    for instance_type in CATALOG.types.values():
        if instance_type.unavailable is None:
            assert instance_type.prices, instance_type.name
            assert instance_type.image, instance_type.name
            assert find_quota_codes(instance_type.family).on_demand, instance_type.name
            assert instance_type.vcpus, instance_type.name
            assert (instance_type.gpu is None) == (instance_type.gpu_count == 0), instance_type.name
        else:
            assert instance_type.image is None, instance_type.name
            assert " Use " in instance_type.unavailable, instance_type.name


def test_image_matches_architecture_and_gpu() -> None:
    for instance_type in CATALOG.types.values():
        if instance_type.image is not None:
            assert ("arm64" in instance_type.image) == (instance_type.arch == "arm64"), instance_type.name
            assert ("nvidia" in instance_type.image) == bool(instance_type.nvidia_gpu_count), instance_type.name


def test_radeon_is_not_counted_as_nvidia_gpu() -> None:
    assert CATALOG.get_type("g4ad.16xlarge").gpu_count == 4
    assert CATALOG.get_type("g4ad.16xlarge").nvidia_gpu_count == 0
    assert CATALOG.get_type("g4dn.12xlarge").nvidia_gpu_count == 4


def test_peaks_are_those_of_the_data_sheets() -> None:
    assert build_small_catalog().peaks == {"X9 40GB": Peaks(fp32_tflops=20.5), "Old": Peaks()}
    assert CATALOG.peaks["H100"] == Peaks(
        fp64_tflops=33.5,
        fp32_tflops=67,
        tf32_tflops=494.7,
        fp16_bf16_tflops=989,
        fp8_tflops=1979,
        int8_tops=1979,
        memory_gb_per_s=3350,
    )
    assert CATALOG.peaks["T4g"] == Peaks()
    assert CATALOG.peaks["B300"].fp16_bf16_tflops is None, "published sources disagree"
    assert {instance_type.gpu for instance_type in CATALOG.types.values() if instance_type.gpu} <= CATALOG.peaks.keys()


def test_catalog_has_types_without_gpu() -> None:
    cpu = {instance_type.name for instance_type in CATALOG.types.values() if instance_type.gpu is None}
    assert {"t3.medium", "m7i.large", "m7g.large"} <= cpu


def test_every_listed_gpu_has_an_offer() -> None:
    for gpu in CATALOG.list_gpus():
        counts = {
            instance_type.gpu_count or 0
            for instance_type in CATALOG.types.values()
            if instance_type.gpu == gpu and not instance_type.unavailable
        }
        offers = [
            CATALOG.find_cheapest(gpu, count, region)
            for count in counts
            for region in CATALOG.list_regions()
            if any(
                region in instance_type.prices and (instance_type.gpu, instance_type.gpu_count) == (gpu, count)
                for instance_type in CATALOG.types.values()
            )
        ]
        assert offers, gpu
        assert {offer.gpu for offer in offers} == {gpu}


@pytest.mark.parametrize("name", ["q9.large", "p2.xlrage", "p4de.24xlrage"])
def test_suggested_types_can_be_launched(name: str) -> None:
    with pytest.raises(UnknownType) as refused:
        CATALOG.get_type(name)
    assert refused.value.suggestions
    assert all(CATALOG.types[suggestion].unavailable is None for suggestion in refused.value.suggestions)


@pytest.mark.parametrize("name", ["K8", "M6", "GH20"])
def test_suggested_gpus_can_be_launched(name: str) -> None:
    with pytest.raises(UnknownGpu) as refused:
        CATALOG.match_gpus(name)
    assert set(refused.value.suggestions) <= set(CATALOG.list_gpus())

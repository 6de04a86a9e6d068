"""What can be asked for and what it costs."""

from datetime import date
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.catalog_parsing import parse_catalog
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog, NoMatchingType, Peaks, UnknownGpu, UnknownType
from chalicelib.store import data_files

catalogue = data_files.load_catalog()


def small() -> InstanceTypeCatalog:
    """Three types with prices that make the choice plain."""

    def entry(gpu: str | None, count: int, prices: dict[str, str], unavailable: str | None = None) -> dict[str, object]:
        return {
            "arch": "x86_64",
            "family": "x1",
            "gpu": gpu,
            "gpu_count": count,
            "gpu_memory_mib": 16384,
            "image": "/image",
            "instance_store_gb": 0,
            "memory_gib": 16.0,
            "prices": prices,
            "quota_code": "L-1",
            "status": "current",
            "unavailable": unavailable,
            "vcpus": 4,
        }

    return parse_catalog(
        {
            "address_usd_per_hour": "0.005",
            "snapshot_usd_per_gib_month": {"us-east-1": "0.05", "eu-west-1": "0.06"},
            "disk_usd_per_gib_month": {"us-east-1": "0.073", "eu-west-1": "0.146"},
            "gpus": {
                "X9 40GB": {"compute_capability": "9.9", "peaks": {"fp32_tflops": 20.5}},
                "Old": {"compute_capability": None, "peaks": {}},
            },
            "priced_at": "2026-11-23",
            "source": "made up",
            "types": {
                "x1.large": entry("X9 40GB", 1, {"us-east-1": "2.5"}),
                "x1.small": entry("X9 40GB", 1, {"us-east-1": "1.5", "eu-west-1": "9"}),
                "x1.huge": entry("X9 40GB", 8, {"eu-west-1": "12"}),
                "old.large": entry("Old", 1, {"us-east-1": "0.1"}, "old.large is retired; x1.small would do."),
            },
        }
    )


def test_the_cheapest_type_with_exactly_that_many_gpus_is_chosen() -> None:
    assert small().find_cheapest("X9 40GB", 1, "us-east-1").name == "x1.small"
    assert small().find_cheapest("X9 40GB", 8, "eu-west-1").name == "x1.huge"


def test_a_count_that_no_type_has_is_refused_with_the_counts_that_exist() -> None:
    with pytest.raises(NoMatchingType, match=r"exactly 3 x X9 40GB\. Choose 1 or 8\."):
        small().find_cheapest("X9 40GB", 3, "us-east-1")


def test_a_region_without_it_is_refused_with_the_regions_that_have_it() -> None:
    with pytest.raises(NoMatchingType, match=r"No offer of 8 x X9 40GB is known in us-east-1\. Choose eu-west-1\."):
        small().find_cheapest("X9 40GB", 8, "us-east-1")


def test_a_gpu_that_cannot_be_launched_is_refused_with_what_would_do_instead() -> None:
    with pytest.raises(NoMatchingType, match=r"old.large is retired; x1.small would do"):
        small().find_cheapest("old", 1, "us-east-1")


@pytest.mark.parametrize(
    ("said", "meant"),
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
def test_gpu_names_match_whatever_their_case_punctuation_and_maker(said: str, meant: tuple[str, ...]) -> None:
    assert catalogue.match_gpus(said) == meant


@pytest.mark.parametrize(("said", "close"), [("h10", "H100"), ("L40", "L40S"), ("a10", "A10G")])
def test_an_unknown_gpu_is_refused_with_names_that_look_like_it(said: str, close: str) -> None:
    with pytest.raises(UnknownGpu, match=close) as refused:
        catalogue.match_gpus(said)
    assert close in refused.value.suggestions


@pytest.mark.parametrize("said", ["", "-", "nvidia"])
def test_a_gpu_name_that_says_nothing_is_refused_with_all_of_them(said: str) -> None:
    with pytest.raises(UnknownGpu) as refused:
        catalogue.match_gpus(said)
    assert refused.value.suggestions == catalogue.list_gpus()


def test_an_unknown_type_is_refused_with_names_that_look_like_it() -> None:
    with pytest.raises(UnknownType, match=r"Did you mean g4dn\.xlarge") as refused:
        catalogue.get_type("g4dn.xlrage")
    assert refused.value.suggestions[0] == "g4dn.xlarge"


def test_a_type_is_found_in_any_case() -> None:
    assert catalogue.get_type(" G5.XLarge ").gpu == "A10G"


def test_a_disk_in_a_region_without_its_own_price_counts_as_the_dearest() -> None:
    assert small().get_disk_price_per_gib_hour("us-east-1") == Decimal("0.0001")
    assert small().get_disk_price_per_gib_hour("mars-north-1") == Decimal("0.0002")


def test_prices_bear_their_date_and_their_source() -> None:
    assert catalogue.priced_at == date(2026, 11, 23)
    assert "from memory" in catalogue.source
    assert catalogue.get_price("g4dn.xlarge", "us-east-1") == Decimal("0.526")
    assert catalogue.get_price("g4dn.xlarge", "mars-north-1") is None
    assert catalogue.get_price("nothing.large", "us-east-1") is None
    assert catalogue.address_price_per_hour == Decimal("0.005")


def test_every_type_either_can_be_launched_and_priced_or_says_why_not() -> None:
    for instance_type in catalogue.types.values():
        if instance_type.unavailable is None:
            assert instance_type.prices, instance_type.name
            assert instance_type.image, instance_type.name
            assert instance_type.quota_code, instance_type.name
            assert instance_type.vcpus, instance_type.name
            assert (instance_type.gpu is None) == (instance_type.gpu_count == 0), instance_type.name
        else:
            assert instance_type.image is None, instance_type.name
            assert " Use " in instance_type.unavailable, instance_type.name


def test_the_image_fits_the_processor_and_the_gpu() -> None:
    for instance_type in catalogue.types.values():
        if instance_type.image is not None:
            assert ("arm64" in instance_type.image) == (instance_type.arch == "arm64"), instance_type.name
            assert ("nvidia" in instance_type.image) == (instance_type.nvidia_gpu_count > 0), instance_type.name


def test_the_probe_is_told_to_expect_no_nvidia_gpu_where_there_is_a_radeon() -> None:
    assert catalogue.get_type("g4ad.16xlarge").gpu_count == 4
    assert catalogue.get_type("g4ad.16xlarge").nvidia_gpu_count == 0
    assert catalogue.get_type("g4dn.12xlarge").nvidia_gpu_count == 4


def test_a_gpus_peaks_are_known_as_far_as_its_maker_tells_them() -> None:
    assert small().peaks == {"X9 40GB": Peaks(fp32_tflops=20.5), "Old": Peaks()}
    assert catalogue.peaks["H100"] == Peaks(fp16_bf16_tflops=989, fp32_tflops=67, memory_gb_per_s=3350)
    assert catalogue.peaks["T4g"] == Peaks()
    assert catalogue.peaks["B300"].fp16_bf16_tflops is None, "sources disagree"
    assert {
        instance_type.gpu for instance_type in catalogue.types.values() if instance_type.gpu
    } <= catalogue.peaks.keys()


def test_there_are_types_for_people_without_gpu_quota() -> None:
    cpu = {instance_type.name for instance_type in catalogue.types.values() if instance_type.gpu is None}
    assert {"t3.medium", "m7i.large", "m7g.large"} <= cpu


def test_every_gpu_that_is_named_has_an_offer_somewhere() -> None:
    for gpu in catalogue.list_gpus():
        counts = {
            instance_type.gpu_count
            for instance_type in catalogue.types.values()
            if instance_type.gpu == gpu and not instance_type.unavailable
        }
        offers = [
            catalogue.find_cheapest(gpu, count, region)
            for count in counts
            for region in catalogue.list_regions()
            if any(
                region in instance_type.prices and (instance_type.gpu, instance_type.gpu_count) == (gpu, count)
                for instance_type in catalogue.types.values()
            )
        ]
        assert offers, gpu
        assert {offer.gpu for offer in offers} == {gpu}

"""What AWS says today, merged into the catalog."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalog.catalog_encoding import encode_document
from chalicelib.domain.catalog.catalog_parsing import parse_document
from chalicelib.domain.catalog.document import CatalogDocument, build_catalog
from chalicelib.domain.catalog.families import FamilyStatus
from chalicelib.domain.catalog.gaps import Gap, list_gaps
from chalicelib.domain.catalog.refresh import DescribedType, Refresh, merge_refresh
from chalicelib.domain.catalog.type_facts import HostKind, LocalDisks, TypeFacts
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.launch.request import LaunchContext, LaunchRequest
from chalicelib.domain.launch.type_choice import choose_instance_type
from chalicelib.store.data_files import load_catalog_document, load_packaged_recipes
from chalicelib.store.stored_type import StoredType
from tests.support.ready_instance import START
from tests.support.recipes import build_recipes
from tests.unit.catalog.small_catalog import build_small_document

TODAY = date(2027, 3, 1)


def describe(name: str, gpu: str | None = "X9", is_current_generation: bool = True, **changes: Any) -> DescribedType:
    facts = TypeFacts(
        name=name,
        gpu=gpu,
        gpu_count=1,
        gpu_memory_mib=40960,
        vcpus=4,
        memory_mib=16384,
        arch="x86_64",
        disks=(LocalDisks(1, 250),),
        network="10 Gigabit",
        network_cards=1,
        has_efa=False,
        host=HostKind.NITRO,
        usage_classes=("on-demand", "spot"),
    )
    maker = "NVIDIA" if gpu else None
    return DescribedType(facts=replace(facts, **changes), gpu_maker=maker, is_current_generation=is_current_generation)


def merge(document: CatalogDocument, *types: DescribedType, **fields: Any) -> CatalogDocument:
    return merge_refresh(document, Refresh(read_on=TODAY, source="AWS", types=types, **fields))


def merge_new_type(**fields: Any) -> CatalogDocument:
    return merge(
        load_catalog_document(),
        describe("g9.xlarge", "L9", **fields),
        prices={"g9.xlarge": {"us-east-1": Decimal("0.9")}},
        offers={"g9.xlarge": ("us-east-1", "us-west-2")},
    )


def test_type_that_aws_adds_can_be_launched_after_the_refresh() -> None:
    catalog = build_catalog(merge_new_type())
    context = LaunchContext(
        catalog=catalog,
        recipes=build_recipes(),
        settings=DeskSettings(),
        owner_policy=PolicyOverride(),
        deployed_regions=("us-east-1",),
        now=START,
    )
    choice = choose_instance_type(LaunchRequest(gpu="L9"), context, None)
    assert choice.errors == ()
    assert choice.instance_type is not None
    assert choice.instance_type.name == "g9.xlarge"
    assert choice.instance_type.nvidia_gpu_count == 1, "the probe must find it"
    assert "nvidia" in (choice.instance_type.image or "")
    assert choice.instance_type.instance_store_gb == 250
    assert (choice.instance_type.priced_at, choice.instance_type.price_source) == (TODAY, "AWS")
    assert choose_instance_type(LaunchRequest(instance_type="g9.xlarge"), context, None).errors == ()


def test_recipe_that_bounds_the_compute_capability_refuses_a_gpu_whose_capability_is_unknown() -> None:
    new = build_catalog(merge_new_type()).get_type("g9.xlarge")
    problems = {
        name: recipe.requirements.find_incompatibility(new, recipe.get_image_parameter(new))
        for name, recipe in load_packaged_recipes().items()
    }
    assert {name for name, problem in problems.items() if problem is None} == {"bare", "jupyter"}
    for name in ("d2l-pytorch", "d2l-mxnet"):
        refusal = "the compute capability of L9 is unknown, and the recipe requires "
        assert (problems[name] or "").startswith(refusal), name


def test_facts_that_aws_does_not_publish_are_gaps_of_a_new_gpu() -> None:
    gaps = list_gaps(build_catalog(merge_new_type()))
    assert Gap("L9", "compute_capability") in gaps
    assert Gap("L9", "peaks.fp16_bf16_tflops") in gaps
    assert Gap("g9.xlarge", "prices.us-west-2") in gaps, "offered there, and the Price List does not say at what price"


def test_new_type_of_a_known_family_has_the_image_of_the_family() -> None:
    catalog = build_catalog(
        merge(build_small_document(), describe("x1.tiny"), prices={"x1.tiny": {"us-east-1": Decimal(1)}})
    )
    new = catalog.get_type("x1.tiny")
    assert (new.gpu, new.compute_capability) == ("X9 40GB", "9.9"), "AWS calls the GPU X9"
    assert new.image == "/image"
    assert catalog.find_cheapest("X9", 1, "us-east-1") == new


def test_type_without_any_price_cannot_be_launched() -> None:
    new = build_catalog(merge(build_small_document(), describe("x1.tiny"))).get_type("x1.tiny")
    assert (new.unavailable or "").startswith("No on-demand price of x1.tiny is known in any region")


def test_type_that_is_sold_by_capacity_blocks_only_cannot_be_launched() -> None:
    described = describe("x1.tiny", usage_classes=("capacity-block",))
    document = merge(build_small_document(), described, prices={"x1.tiny": {"us-east-1": Decimal(1)}})
    assert "only by Capacity Blocks" in (build_catalog(document).get_type("x1.tiny").unavailable or "")


def test_same_gpu_name_with_other_memory_is_another_gpu() -> None:
    document = merge(build_small_document(), describe("x2.large", gpu_memory_mib=81920))
    assert document.gpu_models["X9 80GB"].compute_capability is None
    assert document.families["x2"].types["x2.large"].gpu == "X9 80GB"
    again = merge(document, describe("x2.large", gpu_memory_mib=81920))
    assert again.gpu_models.keys() == document.gpu_models.keys()


def test_known_type_gets_the_new_facts_and_keeps_those_that_aws_left_out() -> None:
    document = merge(build_small_document(), describe("x1.large", vcpus=8, network=None))
    facts = document.families["x1"].types["x1.large"]
    assert (facts.vcpus, facts.network, facts.gpu) == (8, "10 Gigabit", "X9 40GB")


def test_family_has_the_source_of_its_oldest_fact() -> None:
    names = ("x1.large", "x1.small", "x1.huge")
    all_described = merge(build_small_document(), *map(describe, names)).families["x1"]
    one_described = merge(build_small_document(), describe("x1.large")).families["x1"]
    assert (all_described.source, all_described.as_of) == ("AWS", TODAY)
    assert (one_described.source, one_described.as_of) == ("a dump", date(2026, 10, 27))


def test_generation_is_that_of_aws() -> None:
    document = merge(build_small_document(), describe("x1.large", is_current_generation=False))
    assert document.families["x1"].status is FamilyStatus.PREVIOUS_GENERATION
    assert document.families["old"].status is FamilyStatus.RETIRED, "AWS does not describe it"


def test_prices_of_a_type_are_replaced_and_those_of_other_types_stay() -> None:
    prices = {"x1.small": {"us-east-1": Decimal(2)}}
    document = merge(build_small_document(), prices=prices, offers={"x1.small": ("us-east-1", "eu-west-1")})
    catalog = build_catalog(document)
    assert catalog.types["x1.small"].prices == {"us-east-1": Decimal(2)}
    assert catalog.types["x1.small"].unpriced_regions == ("eu-west-1",), "the old price there is no price of today"
    assert catalog.types["x1.large"].prices == {"us-east-1": Decimal("2.5")}
    assert catalog.priced_at == TODAY


def test_prices_stay_if_the_price_list_was_not_read() -> None:
    before = build_small_document()
    after = merge(before, describe("x1.large"), offers={"x1.small": ("us-east-1",)})
    assert build_catalog(after).types["x1.small"].prices == build_catalog(before).types["x1.small"].prices
    assert after.prices.priced_at == before.prices.priced_at
    assert after.prices.families["x1"].source == "a list"


def test_region_without_a_price_stays_a_gap_until_it_no_longer_offers_the_type() -> None:
    prices = {"x1.huge": {"eu-west-1": Decimal(12)}}
    unread = merge(build_small_document(), prices=prices, regions=("eu-west-1",), offers={"x1.huge": ("eu-west-1",)})
    read = merge(build_small_document(), prices=prices, regions=("us-east-1",))
    assert build_catalog(unread).types["x1.huge"].unpriced_regions == ("us-east-1",)
    assert build_catalog(read).types["x1.huge"].unpriced_regions == ()


def test_second_merge_of_the_same_reading_changes_nothing() -> None:
    once = merge_new_type()
    again = merge(
        once,
        describe("g9.xlarge", "L9"),
        prices={"g9.xlarge": {"us-east-1": Decimal("0.9")}},
        offers={"g9.xlarge": ("us-east-1", "us-west-2")},
    )
    assert again == once


def test_reading_can_be_stored() -> None:
    refresh = Refresh(
        read_on=TODAY,
        source="AWS",
        types=(describe("x1.large"),),
        prices={"x1.large": {"us-east-1": Decimal("2.5")}},
        offers={"x1.large": ("us-east-1",)},
        image_sizes={"/image": 35},
    )
    stored = StoredType(Refresh)
    assert stored.decode(stored.encode(refresh)) == refresh


maybe = st.none() | st.integers(1, 8)
generated_types = st.builds(
    describe,
    name=st.sampled_from(["x1.large", "x1.tiny", "x2.large", "old.large", "p9.huge"]),
    gpu=st.sampled_from(["X9", "Old", "L9", None]),
    is_current_generation=st.booleans(),
    gpu_count=maybe,
    gpu_memory_mib=st.none() | st.sampled_from([40960, 81920]),
    gpu_partition_size=st.sampled_from([0.125, 1.0]),
    vcpus=maybe,
    disks=st.sampled_from([None, ()]),
    usage_classes=st.sampled_from([None, (), ("on-demand",), ("capacity-block",)]),
)


@given(st.lists(generated_types, max_size=4), st.booleans())
def test_any_reading_keeps_all_types_and_launches_only_known_ones(types: list[DescribedType], is_priced: bool) -> None:
    before = build_small_document()
    prices = {each.facts.name: {"us-east-1": Decimal(3)} for each in types if is_priced}
    after = merge(before, *types, prices=prices)
    catalog = build_catalog(after)
    described = {each.facts.name for each in types}
    assert catalog.types.keys() == described | {facts.name for _, facts in before.list_types()}
    for each in catalog.types.values():
        if each.unavailable is None:
            assert each.image
            assert each.prices
            assert each.vcpus
            assert each.gpu_count is not None
    assert parse_document(json.loads(json.dumps(encode_document(after)))) == after

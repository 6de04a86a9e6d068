"""Instance types as EC2 describes them, and prices as the Price List publishes them."""

from decimal import Decimal
from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from chalicelib.aws.instance_types import parse_type_info
from chalicelib.aws.price_list import parse_product
from chalicelib.domain.catalog.type_facts import HostKind, LocalDisks, TypeFacts


def test_facts_of_a_bare_metal_type_are_read() -> None:
    described = parse_type_info(INSTANCE_TYPES["g4dn.metal"])
    assert described.facts == TypeFacts(
        name="g4dn.metal",
        gpu="T4",
        gpu_count=8,
        gpu_memory_mib=16384,
        vcpus=96,
        memory_mib=393216,
        arch="x86_64",
        disks=(LocalDisks(2, 900),),
        network="100 Gigabit",
        network_cards=1,
        has_efa=True,
        host=HostKind.METAL,
        usage_classes=("on-demand", "spot"),
    )
    assert (described.gpu_maker, described.is_current_generation) == ("NVIDIA", True)


def test_slice_of_a_gpu_counts_as_one_that_the_system_sees() -> None:
    facts = parse_type_info(INSTANCE_TYPES["g6f.large"]).facts
    assert (facts.gpu_count, facts.gpu_partition_size, facts.whole_gpu_count) == (1, 0.125, 0)


def test_types_without_gpu_and_without_disks_are_read() -> None:
    facts = parse_type_info(INSTANCE_TYPES["m7g.large"]).facts
    assert (facts.gpu, facts.gpu_count, facts.disks, facts.arch) == (None, 0, (), "arm64")


def test_what_ec2_leaves_out_is_unknown() -> None:
    facts = parse_type_info({"InstanceType": "g9.large", "GpuInfo": {"Gpus": [{"Name": "L9", "Count": 1}]}}).facts
    assert facts == TypeFacts(name="g9.large", gpu="L9", gpu_count=1, arch="x86_64")


def build_product(usd: str = "0.5260000000", unit: str = "Hrs", **attributes: str) -> dict[str, Any]:
    dimension = {"unit": unit, "pricePerUnit": {"USD": usd}}
    return {
        "product": {"attributes": {"instanceType": "g4dn.xlarge", "regionCode": "us-east-1", **attributes}},
        "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}}, "Reserved": {}},
    }


def test_price_per_hour_is_read_without_trailing_zeros() -> None:
    assert parse_product(build_product()) == ("us-east-1", Decimal("0.526"))
    read = parse_product(build_product("98.3200000000", locationType="AWS Region", marketoption="OnDemand"))
    assert str(read[1] if read else None) == "98.32"
    assert str((parse_product(build_product("10.0000000000")) or ("", 0))[1]) == "10"


@pytest.mark.parametrize(
    "product",
    [
        build_product(locationType="AWS Local Zone", regionCode="us-west-2-lax-1"),
        build_product(regionCode="us-gov-west-1"),
        build_product(marketoption="CapacityBlock"),
        build_product(unit="Quantity"),
        build_product(usd=""),
        {"product": build_product()["product"], "terms": {}},
    ],
    ids=["a Local Zone", "GovCloud", "a Capacity Block", "a price per piece", "no amount", "no on-demand term"],
)
def test_what_is_no_on_demand_price_in_a_region_is_left_out(product: dict[str, Any]) -> None:
    assert parse_product(product) is None

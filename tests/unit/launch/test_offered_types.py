"""Launches of what no zone offers, as far as the stored offers say so."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.common.deadlines import OFFERS_STALE_AFTER
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.launch.offered_types import StoredOffers, find_unoffered
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.store.data_files import load_catalog
from tests.unit.instances.simulation import build_requested_instance
from tests.unit.offers.offer_examples import MINUTE, NOW, build_reading

CATALOG = load_catalog()
WEST, EAST, SEOUL = "us-west-2", "us-east-1", "ap-northeast-2"
OFFERED = TypeOffering(spot={"a": None})
OTHERS = build_reading(EAST, g4ad_xlarge=OFFERED), build_reading(SEOUL, g4ad_xlarge=OFFERED)


def build_spec(**choice: Any) -> Spec:
    fields: dict[str, Any] = {"instance_type": "g4ad.xlarge", "region": WEST, **choice}
    spec = build_requested_instance().spec
    hardware = build_hardware(fields["instance_type"], CATALOG)
    return replace(spec, region=WEST, hardware=hardware, launch_choice=LaunchChoice(**fields))


def find(spec: Spec, *readings: RegionOfferings, catalog: Any = CATALOG) -> str | None:
    stored = StoredOffers(catalog=catalog, offerings={each.region: each for each in readings}, now=NOW)
    error = find_unoffered(spec, (WEST, EAST, SEOUL), stored)
    return f"{error.field}: {error.message}" if error else None


def test_type_that_no_zone_of_the_region_offers_is_refused_with_the_regions_that_do() -> None:
    message = "instance_type: no zone of us-west-2 offers g4ad.xlarge; ap-northeast-2 and us-east-1 offer it"
    assert find(build_spec(), build_reading(WEST), *OTHERS) == message
    assert find(build_spec(), build_reading(WEST, g4ad_xlarge=TypeOffering()), *OTHERS) == message
    nowhere = find(build_spec(), *map(build_reading, (WEST, EAST, SEOUL)))
    assert str(nowhere).endswith("offers g4ad.xlarge; no region in which gpudesk can launch offers it")


def test_gpu_is_refused_only_if_no_type_with_it_is_offered() -> None:
    spec = build_spec(gpus=("Radeon Pro V520",), gpu_count=1)
    message = "gpu: no zone of us-west-2 offers 1 x Radeon Pro V520; ap-northeast-2 and us-east-1 offer it"
    assert find(spec, build_reading(WEST), *OTHERS) == message
    assert find(spec, build_reading(WEST, g4ad_2xlarge=OFFERED), *OTHERS) is None


def test_launch_that_may_leave_the_region_is_refused_only_if_no_region_offers_it() -> None:
    spec = build_spec(is_region_fixed=False)
    assert find(spec, build_reading(WEST), *OTHERS) is None
    assert "no zone of ap-northeast-2, us-east-1 or us-west-2 offers" in str(
        find(spec, *map(build_reading, (WEST, EAST, SEOUL)))
    )


@pytest.mark.parametrize(
    "reading", [None, build_reading(WEST, NOW - OFFERS_STALE_AFTER - MINUTE)], ids=["never read", "stale"]
)
def test_unknown_offers_refuse_nothing(reading: RegionOfferings | None) -> None:
    assert find(build_spec(), *([reading] if reading else []), *OTHERS) is None


def test_type_that_is_newer_than_the_reading_is_not_refused() -> None:
    for age, is_refused in ((MINUTE, False), (timedelta(hours=-1), True)):
        item = replace(CATALOG.types["g4ad.xlarge"], prices_read_at=NOW + age)
        catalog = replace(CATALOG, types={**CATALOG.types, item.name: item})
        assert (find(build_spec(), build_reading(WEST), *OTHERS, catalog=catalog) is not None) is is_refused

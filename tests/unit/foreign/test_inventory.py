"""The list of foreign instances: prices, what is kept, and of what the admins are notified."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.foreign import inventory
from chalicelib.domain.foreign.instance import (
    MAX_TAG_LENGTH,
    MAX_TAGS,
    DailyPrice,
    compute_daily_price,
    is_gpu_type,
    list_type_patterns,
    select_tags,
)
from chalicelib.domain.foreign.inventory import (
    MAX_INSTANCES,
    Inventory,
    RegionReading,
    describe_new,
    find_new,
    forget_gone,
    limit_instances,
    order_regions,
)
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.store import foreign_instances
from chalicelib.store.data_files import load_catalog
from tests.unit.foreign.examples import NOW, build_foreign


@cache
def get_catalog() -> InstanceTypeCatalog:
    return load_catalog()


def test_running_instance_costs_its_list_price_and_a_stopped_one_its_disks() -> None:
    catalog = get_catalog()
    disks = catalog.get_disk_price_per_gib_hour("us-east-1") * 100 * 24
    assert disks
    running = build_foreign(disk_gib=100)
    assert compute_daily_price(running, catalog) == DailyPrice(instance=Decimal("1.006") * 24, disks=disks)
    stopped = replace(running, state=Ec2State.STOPPED)
    assert compute_daily_price(stopped, catalog) == DailyPrice(instance=Decimal(0), disks=disks)


@pytest.mark.parametrize(
    "changes",
    [{"market": Market.SPOT}, {"market": None}, {"platform": "Windows"}, {"instance_type": "g99.xlarge"}],
    ids=str,
)
def test_price_that_is_not_in_the_catalog_is_unknown(changes: dict[str, Any]) -> None:
    assert compute_daily_price(build_foreign(**changes), get_catalog()) == DailyPrice(instance=None, disks=None)


def test_patterns_match_all_gpu_types_of_the_catalog() -> None:
    catalog = get_catalog()
    patterns = list_type_patterns(catalog)
    with_gpu = [item.name for item in catalog.types.values() if item.gpu]
    assert all(any(fnmatchcase(name, pattern) for pattern in patterns) for name in [*with_gpu, "g99.xlarge"])
    assert not any(fnmatchcase(name, pattern) for name in ("c5.large", "m5.large") for pattern in patterns)
    assert [is_gpu_type(name, get_catalog()) for name in ("g5.xlarge", "g99.xlarge")] == [True, None]


def test_tags_are_cut_and_those_of_gpudesk_and_the_name_stay() -> None:
    tags = {f"a{number:02}": "x" * 100 for number in range(30)} | {"Name": "n", "gpudesk:adopt": "dev"}
    kept = select_tags(tags)
    assert list(kept)[:3] == ["gpudesk:adopt", "Name", "a00"]
    assert (len(kept), len(kept["a00"])) == (MAX_TAGS, MAX_TAG_LENGTH)


def test_new_instances_are_those_of_which_nobody_was_notified() -> None:
    known, new, other = build_foreign(1), build_foreign(2), build_foreign(3, other_stage="prod")
    assert find_new([known, new, other], [known.instance_id]) == (new,)
    assert forget_gone([known.instance_id, "i-gone"], [known, new]) == (known.instance_id,)


def test_region_that_fails_keeps_its_instances_and_its_time() -> None:
    reading = RegionReading(region="us-east-1", read_at=NOW, instances=(build_foreign(),))
    failed = reading.fail("x" * 1000)
    assert (failed.instances, failed.read_at) == (reading.instances, NOW)
    assert failed.problem == "x" * 200


def test_regions_never_read_come_first_then_those_read_long_ago() -> None:
    readings = (RegionReading(region="b", read_at=NOW), RegionReading(region="c", read_at=NOW - timedelta(days=1)))
    assert order_regions(["a", "b", "c"], Inventory(readings=readings)) == ["a", "c", "b"]


def test_running_instances_are_kept_before_stopped_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MAX_INSTANCES", 1)
    stopped = RegionReading(region="a", instances=(build_foreign(1, region="a", state=Ec2State.STOPPED),))
    running = RegionReading(region="b", instances=(build_foreign(2, region="b"),))
    kept, left_out_count = limit_instances([stopped, running])
    assert [reading.instances for reading in kept] == [(), running.instances]
    assert left_out_count == 1


def test_largest_list_fits_into_an_item() -> None:
    tags = {f"{number:060x}": f"{number * 7919:060x}" for number in range(2**200, 2**200 + MAX_TAGS)}
    readings = (
        RegionReading(region="r", instances=tuple(build_foreign(number, tags=tags) for number in range(MAX_INSTANCES))),
    )
    stored = foreign_instances.encode(Inventory(as_of=NOW, readings=readings, left_out_count=3))
    assert len(stored) < 400_000
    assert foreign_instances.decode(stored).left_out_count == 3


def test_stored_list_is_the_same_after_reading_it() -> None:
    instances = (build_foreign(1, market=None, tags={"a": "b"}), build_foreign(2, market=Market.SPOT, disk_gib=8))
    before = Inventory(as_of=NOW, readings=(RegionReading(region="r", instances=instances),), notified=("i-1",))
    assert foreign_instances.decode(foreign_instances.encode(before)) == before


def test_message_names_instances_prices_and_managers() -> None:
    new = [
        build_foreign(1, name="training", disk_gib=0),
        build_foreign(2, instance_type="g99.xlarge", manager="Amazon EKS"),
        *(build_foreign(number) for number in range(3, 15)),
    ]
    message = describe_new(new, get_catalog())
    assert message.startswith("The AWS account has 14 GPU instances that gpudesk does not manage")
    assert (
        "i-00000001 (training), g5.xlarge in us-east-1, running since 2026-01-05 09:00 UTC, $24.144 per day" in message
    )
    assert (
        "i-00000002, g99.xlarge in us-east-1, running since 2026-01-05 09:00 UTC, price unknown, managed by" in message
    )
    assert "; and 4 more. The sum is at least $313.872 per day." in message

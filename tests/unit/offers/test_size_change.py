"""Other sizes for a stopped instance: which types fit its disk and zone, and which are suggested."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.region_capacity import CapacityAnswer, CapacityKey, RegionCapacity, add_answer
from chalicelib.domain.offers.size_change import SizeContext, SizePlace, list_other_sizes, list_size_problems
from chalicelib.store.data_files import load_catalog, load_packaged_recipes
from tests.support.ready_instance import EC2_RUNNING, build_ready_instance
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_reading

ZONE = "us-east-1a"
IN_ZONE = TypeOffering(Decimal(1), PRICED_ON, {ZONE: None})
ELSEWHERE = TypeOffering(Decimal(1), PRICED_ON, {"us-east-1b": None})
READING = build_reading(
    "us-east-1",
    g4dn_xlarge=IN_ZONE,
    g4dn_2xlarge=IN_ZONE,
    g4dn_4xlarge=ELSEWHERE,
    g4dn_8xlarge=IN_ZONE,
    g5_xlarge=IN_ZONE,
    g5g_xlarge=IN_ZONE,
    p3_2xlarge=IN_ZONE,
)
CATALOG = load_catalog()
CONTEXT = SizeContext(
    catalog=CATALOG,
    recipes=load_packaged_recipes(),
    limits=Limits(),
    offerings=READING,
    capacity=RegionCapacity(),
    quotas=CurrentQuotas(region="us-east-1", reading=None, records=[], types=CATALOG.types, now=NOW),
    now=NOW,
)


def build_stopped_instance(recipe: str = "jupyter") -> Instance:
    """Return a g4dn.xlarge whose disk is in us-east-1a."""
    instance = build_ready_instance()
    software = replace(instance.spec.software, recipe=recipe)
    ec2_instance = replace(EC2_RUNNING.to_ec2_instance(), zone=ZONE, image_arch="x86_64")
    return replace(instance, spec=replace(instance.spec, software=software), ec2_instance=ec2_instance)


def refuse(size: str) -> RegionCapacity:
    answer = CapacityAnswer(
        id="a", region="us-east-1", key=CapacityKey(size, ZONE, Market.ON_DEMAND), result=Result.REFUSED, at=NOW
    )
    return add_answer(RegionCapacity(), answer)


def list_names(context: SizeContext) -> list[str]:
    return [size.instance_type for size in list_other_sizes(build_stopped_instance(), context)]


def test_sizes_of_the_same_gpu_in_the_zone_are_suggested_with_their_price() -> None:
    larger, largest = list_other_sizes(build_stopped_instance(), CONTEXT)
    assert (larger.instance_type, larger.price, larger.price_ratio) == (
        "g4dn.2xlarge",
        Decimal("0.752"),
        Decimal("1.43"),
    )
    assert largest.instance_type == "g4dn.8xlarge"


def test_size_that_was_refused_a_moment_ago_is_not_suggested() -> None:
    assert list_names(replace(CONTEXT, capacity=refuse("g4dn.2xlarge"))) == ["g4dn.8xlarge"]
    later = replace(CONTEXT, capacity=refuse("g4dn.2xlarge"), now=NOW.replace(hour=NOW.hour + 2))
    assert list_names(later) == ["g4dn.2xlarge", "g4dn.8xlarge"]


def test_nothing_is_suggested_while_the_offers_are_not_read() -> None:
    assert list_names(replace(CONTEXT, offerings=None)) == []


@pytest.mark.parametrize(
    ("size", "recipe", "problem"),
    [
        ("g4dn.2xlarge", "jupyter", None),
        ("g5.xlarge", "jupyter", None),
        ("g5g.xlarge", "jupyter", "g5g.xlarge is arm64, and the disk is x86_64"),
        ("g4dn.4xlarge", "jupyter", "us-east-1a does not offer g4dn.4xlarge"),
        ("g5.xlarge", "d2l-mxnet", "recipe d2l-mxnet does not support it"),
        ("p2.xlarge", "jupyter", "AWS no longer offers p2.xlarge"),
        ("g4dn.metal", "jupyter", "us-east-1a does not offer"),
    ],
)
def test_problems_of_a_requested_type(size: str, recipe: str, problem: str | None) -> None:
    found = "; ".join(list_size_problems(build_stopped_instance(recipe), CATALOG.types[size], CONTEXT))
    assert found == "" if problem is None else problem in found


def test_limit_of_the_desk_and_a_known_quota_refuse_a_type() -> None:
    code = find_quota_code("g4dn.8xlarge", Market.ON_DEMAND) or ""
    reading = QuotaReading(read_at=NOW, limits={code: 16}, use={code: 4}, foreign_use={code: 4})
    context = replace(CONTEXT, limits=Limits(gpu_count=0), quotas=replace(CONTEXT.quotas, reading=reading))
    found = "; ".join(list_size_problems(build_stopped_instance(), CATALOG.types["g4dn.8xlarge"], context))
    assert "the limit of this desk is 0" in found
    assert code in found
    stale = replace(CONTEXT.quotas, reading=replace(reading, read_at=NOW.replace(year=NOW.year - 1)))
    assert [
        *list_size_problems(build_stopped_instance(), CATALOG.types["g4dn.8xlarge"], replace(CONTEXT, quotas=stale))
    ] == []


def test_instances_that_gpudesk_launched_or_ended_since_the_reading_count_for_a_type() -> None:
    code = find_quota_code("g4dn.2xlarge", Market.ON_DEMAND) or ""
    stopped, running = build_stopped_instance(), replace(build_ready_instance(), id="gd-other")
    as_read = QuotaReading(read_at=NOW, limits={code: 8}, use={code: 4}, foreign_use={code: 0})
    quotas = replace(CONTEXT.quotas, reading=as_read, records=[stopped])
    assert [*list_size_problems(stopped, CATALOG.types["g4dn.2xlarge"], replace(CONTEXT, quotas=quotas))] == []
    full = replace(CONTEXT, quotas=replace(quotas, records=[stopped, running]))
    (problem,) = list_size_problems(stopped, CATALOG.types["g4dn.2xlarge"], full)
    assert problem.endswith("8 vCPUs, 4 in use; g4dn.2xlarge needs 8")
    assert list_names(full) == []


def test_spot_instance_gets_another_type_by_a_move_only() -> None:
    instance, size = build_stopped_instance(), CATALOG.types["g4dn.2xlarge"]
    assert instance.ec2_instance is not None
    on_spot = replace(instance, ec2_instance=replace(instance.ec2_instance, market=Market.SPOT))
    assert [*list_size_problems(on_spot, size, CONTEXT)] == [
        "EC2 cannot change the type of a stopped spot instance; move n as g4dn.2xlarge instead"
    ]
    adopted = replace(on_spot, is_adopted_on_request=True)
    assert not any("move" in problem for problem in list_size_problems(adopted, size, CONTEXT))
    assert [*list_size_problems(on_spot, size, CONTEXT, SizePlace("us-east-1", None))] == []
    assert list_other_sizes(on_spot, CONTEXT) == ()

"""Quotas in vCPUs: what is in use, what is left for a launch, and which offers are left out."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.headroom import HeadroomKind, Quota, describe_excess, find_headroom
from chalicelib.domain.offers.left_out import LeftOutCode
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.domain.offers.query import OfferQuery
from chalicelib.domain.offers.quota_summary import QuotaContext, summarize_quotas
from chalicelib.domain.offers.quotas import QuotaReading, RunningInstance, count_foreign_use, count_use
from chalicelib.domain.offers.search import OfferResult, find_offers
from chalicelib.store.data_files import load_catalog
from tests.unit.offers.offer_examples import MINUTE, NOW, PRICED_ON, build_context, build_reading

G_ON_DEMAND, G_SPOT = "L-DB2E81BA", "L-3819A6DF"
P_ON_DEMAND, STANDARD_ON_DEMAND = "L-417A185B", "L-1216C47A"
TYPES = load_catalog().types


def count(*instances: tuple[str, Market]) -> dict[str, int | None]:
    """Return the use of the quotas that are in use, or of which it is unknown."""
    use = count_use([RunningInstance(name, market) for name, market in instances], TYPES)
    return {code: vcpus for code, vcpus in use.items() if vcpus != 0}


def build_quotas(limit: int | None, use: int | None, *, age: timedelta = timedelta()) -> QuotaReading:
    """Return a reading of the on-demand quota of G and VT instances; that of spot requests has enough."""
    limits = {G_SPOT: 1000} if limit is None else {G_SPOT: 1000, G_ON_DEMAND: limit}
    return QuotaReading(read_at=NOW - age, limits=limits, use={G_SPOT: 0, G_ON_DEMAND: use})


def build_region(quotas: QuotaReading | None, *types: str) -> RegionOfferings:
    """Return a region whose zone us-east-1a offers types."""
    offering = TypeOffering(Decimal("0.5"), PRICED_ON, {"us-east-1a": Decimal("0.1")})
    return replace(build_reading("us-east-1"), types=dict.fromkeys(types or ("g4dn.xlarge",), offering), quotas=quotas)


def search(quotas: QuotaReading | None, *types: str) -> OfferResult:
    query = OfferQuery(region="us-east-1", gpus=("T4",))
    return find_offers(query, build_context(build_region(quotas, *types)))


def list_kinds(result: OfferResult) -> dict[Market, HeadroomKind]:
    return {ranked.offer.market: ranked.offer.headroom.kind for ranked in result.offers}


def list_exceeded(result: OfferResult) -> list[tuple[str, tuple[str, ...]]]:
    return [(group.message, group.subjects) for group in result.left_out if group.code is LeftOutCode.QUOTA_EXCEEDED]


def test_foreign_use_leaves_out_instances_of_this_gpudesk() -> None:
    instances = [
        RunningInstance("g4dn.xlarge", Market.ON_DEMAND, is_managed=True),
        RunningInstance("g4dn.2xlarge", Market.ON_DEMAND),
    ]
    assert count_foreign_use(instances, TYPES)[G_ON_DEMAND] == 8


def test_use_is_counted_apart_by_series_and_market() -> None:
    assert count(
        ("g4dn.xlarge", Market.ON_DEMAND),
        ("g5.xlarge", Market.ON_DEMAND),
        ("g4dn.2xlarge", Market.SPOT),
        ("p4d.24xlarge", Market.ON_DEMAND),
        ("t3.large", Market.ON_DEMAND),
    ) == {G_ON_DEMAND: 8, G_SPOT: 8, P_ON_DEMAND: 96, STANDARD_ON_DEMAND: 2}


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("g99.xlarge", [G_ON_DEMAND]),
        ("p99.xlarge", [P_ON_DEMAND]),
        ("m5.large", [STANDARD_ON_DEMAND]),
        ("im4gn.large", [STANDARD_ON_DEMAND]),
        ("inf2.xlarge", []),
        ("mac2.metal", []),
        ("trn1.2xlarge", []),
        ("x2idn.16xlarge", []),
        ("hpc7g.4xlarge", []),
    ],
)
def test_type_that_is_not_in_the_catalog_makes_only_the_use_of_its_quota_unknown(name: str, codes: list[str]) -> None:
    assert count((name, Market.ON_DEMAND), ("g4dn.xlarge", Market.ON_DEMAND)) == {
        G_ON_DEMAND: 4,
        **dict.fromkeys(codes, None),
    }


def test_spot_instance_of_a_series_without_a_known_quota_is_not_counted() -> None:
    assert count(("p6-b200.48xlarge", Market.SPOT)) == {}


@pytest.mark.parametrize(("use", "free"), [(0, 4), (3, 1), (4, 0), (9, 0)])
def test_free_is_what_is_not_in_use_and_never_negative(use: int, free: int) -> None:
    assert find_headroom(Quota(G_ON_DEMAND, 4), use, 1).free == free


def test_excess_names_quota_limit_use_and_need() -> None:
    headroom = find_headroom(Quota(G_ON_DEMAND, 4), 4, 4)
    quota = "Quota L-DB2E81BA (Running On-Demand G and VT instances) in us-east-1: 4 vCPUs, 4 in use"
    assert describe_excess(headroom, "us-east-1", {"g4dn.xlarge": 4}) == f"{quota}; g4dn.xlarge needs 4."
    several = describe_excess(headroom, "us-east-1", {"g4dn.xlarge": 4, "g4dn.metal": 96})
    assert several == f"{quota}; each of these types needs 4 to 96."
    equal = describe_excess(headroom, "us-east-1", {"g4dn.xlarge": 4, "g5.xlarge": 4})
    assert equal == f"{quota}; each of these types needs 4."


def test_offer_that_does_not_fit_is_left_out_and_its_other_market_stays() -> None:
    result = search(build_quotas(4, 4))
    assert list_kinds(result) == {Market.SPOT: HeadroomKind.ENOUGH}
    assert list_exceeded(result) == [
        (
            "Quota L-DB2E81BA (Running On-Demand G and VT instances) in us-east-1: 4 vCPUs, 4 in use; "
            "g4dn.xlarge needs 4.",
            ("g4dn.xlarge on-demand in us-east-1",),
        )
    ]


def test_types_that_exceed_one_quota_are_one_group() -> None:
    result = search(build_quotas(8, 4), "g4dn.xlarge", "g4dn.2xlarge", "g4dn.12xlarge")
    on_demand = [each.offer.instance_type for each in result.offers if each.offer.market is Market.ON_DEMAND]
    assert on_demand == ["g4dn.xlarge"]
    ((message, subjects),) = list_exceeded(result)
    assert message.endswith("8 vCPUs, 4 in use; each of these types needs 8 to 48.")
    assert subjects == ("g4dn.12xlarge on-demand in us-east-1", "g4dn.2xlarge on-demand in us-east-1")


@pytest.mark.parametrize(
    "quotas",
    [
        None,
        build_quotas(None, 4),
        build_quotas(4, None),
        build_quotas(4, 4, age=91 * MINUTE),
    ],
    ids=["never read", "no limit", "unknown use", "stale"],
)
def test_unknown_quota_leaves_out_no_offer(quotas: QuotaReading | None) -> None:
    result = search(quotas)
    assert list_kinds(result)[Market.ON_DEMAND] is HeadroomKind.UNKNOWN
    assert list_exceeded(result) == []
    (headroom,) = (each.offer.headroom for each in result.offers if each.offer.market is Market.ON_DEMAND)
    assert (headroom.code, headroom.need, headroom.free) == (G_ON_DEMAND, 4, None)


def test_quotas_are_stale_after_a_refresh_that_did_not_read_them() -> None:
    assert not build_quotas(4, 4, age=90 * MINUTE).is_stale(NOW)
    assert build_quotas(4, 4, age=91 * MINUTE).is_stale(NOW)


def test_summary_names_every_known_quota_of_each_deployed_region() -> None:
    region = build_region(build_quotas(64, 12, age=91 * MINUTE))
    context = QuotaContext(
        regions=("us-east-1", "eu-west-1"),
        offerings={"us-east-1": region},
        requests={},
        records=[],
        types=TYPES,
        now=NOW,
    )
    by_key = {(each.region, each.code): each for each in summarize_quotas(context)}
    assert len(by_key) == 14
    known = by_key["us-east-1", G_ON_DEMAND]
    assert (known.name, known.limit, known.use, known.free, known.is_stale) == (
        "Running On-Demand G and VT instances",
        64,
        12,
        52,
        True,
    )
    unread = by_key["eu-west-1", G_ON_DEMAND]
    assert (unread.limit, unread.use, unread.free, unread.read_at, unread.is_stale) == (None, None, None, None, False)

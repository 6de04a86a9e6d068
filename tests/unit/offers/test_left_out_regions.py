"""Regions that the account has not opted in to, and zones without a subnet of gpudesk."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.reading import RegionOptIns
from chalicelib.domain.offers.left_out import LeftOutCode
from chalicelib.domain.offers.offer import PriceSource
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.query import OfferQuery
from chalicelib.domain.offers.region_summary import summarize_regions
from chalicelib.domain.offers.search import find_offers
from tests.unit.offers.offer_examples import MINUTE, NOW, PRICED_ON, build_context, build_reading

OFFERING = TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-1a": None, "us-east-1b": None})
READING = build_reading("us-east-1", g4dn_xlarge=OFFERING)
QUERY = OfferQuery(instance_type="g4dn.xlarge", market=Market.ON_DEMAND)


def list_left_out(context: OfferContext) -> dict[LeftOutCode, list[tuple[str, tuple[str, ...]]]]:
    groups: dict[LeftOutCode, list[tuple[str, tuple[str, ...]]]] = {}
    for group in find_offers(QUERY, context).left_out:
        groups.setdefault(group.code, []).append((group.message, group.subjects))
    return groups


def opt_out(*regions: str, read_at: timedelta = timedelta()) -> RegionOptIns:
    return RegionOptIns(read_at=NOW + read_at, statuses=dict.fromkeys(regions, "not-opted-in"))


def test_region_that_the_account_has_not_opted_in_to_is_left_out_before_all_other_reasons() -> None:
    left_out = list_left_out(build_context(READING, opt_ins=opt_out("ap-east-1")))
    (group,) = left_out[LeftOutCode.NOT_OPTED_IN]
    assert group[0].startswith("The AWS account has not opted in to this region.")
    assert group[1] == ("ap-east-1",)
    assert "ap-east-1" not in left_out[LeftOutCode.NOT_DEPLOYED][0][1]


def test_region_that_was_read_after_the_statuses_is_opted_in() -> None:
    earlier = build_context(READING, opt_ins=opt_out("us-east-1", read_at=-MINUTE))
    later = build_context(READING, opt_ins=opt_out("us-east-1", read_at=MINUTE))
    assert len(find_offers(QUERY, earlier).offers) == 2
    assert find_offers(QUERY, later).offers == ()
    assert list_left_out(later)[LeftOutCode.NOT_OPTED_IN][0][1] == ("us-east-1",)


def test_zone_without_a_subnet_is_left_out_and_the_others_stay() -> None:
    context = build_context(replace(READING, subnet_zones=frozenset({"us-east-1b", "us-east-1c"})))
    assert [ranked.offer.zone for ranked in find_offers(QUERY, context).offers] == ["us-east-1b"]
    message = "gpudesk has no subnet in us-east-1a."
    assert list_left_out(context)[LeftOutCode.NO_SUBNET] == [(message, ("g4dn.xlarge",))]


def test_zones_stay_if_the_subnets_are_unknown() -> None:
    assert len(find_offers(QUERY, build_context(READING)).offers) == 2


def test_price_of_the_price_list_has_its_source_and_becomes_stale_after_days() -> None:
    read = replace(OFFERING, priced_at=NOW - timedelta(days=3))
    (first, _) = find_offers(QUERY, build_context(build_reading("us-east-1", g4dn_xlarge=read))).offers
    assert first.offer.price is not None
    assert (first.offer.price.source, first.offer.price.read_at) == (PriceSource.PRICING_API, read.priced_at)
    assert not first.offer.price.is_stale(NOW)
    assert first.offer.price.is_stale(NOW + MINUTE)


def test_regions_show_the_opt_in_status() -> None:
    statuses = {"us-east-1": "opt-in-not-required", "ap-east-1": "not-opted-in"}
    context = build_context(READING, opt_ins=RegionOptIns(read_at=NOW, statuses=statuses))
    found = {summary.region: summary.opt_in_status for summary in summarize_regions(context, None)}
    assert (found["us-east-1"], found["ap-east-1"], found["eu-west-1"]) == (*statuses.values(), None)
    assert {summary.opt_in_status for summary in summarize_regions(build_context(READING), None)} == {None}

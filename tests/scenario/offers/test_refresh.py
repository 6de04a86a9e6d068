"""The refresh of offers, and the search of what it has stored."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import boto3
import pytest

from chalicelib.aws.clients import LOOP_CONFIG, Clients, SdkSession
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.tags import STAGE_TAG
from chalicelib.control.loop.refresh_offers import OfferRefresher, OffersOutdated
from chalicelib.control.services.offers import OfferRequest
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.offer import PriceSource
from chalicelib.domain.offers.quota_summary import QuotaSummary
from tests.support.world import World

HOUR = timedelta(hours=1)
REGIONS = ("us-east-1", "us-west-2")


def build_refresher(desk: World) -> OfferRefresher:
    """Return a refresher of two regions."""
    return replace(desk.application.offer_refresher, regions=REGIONS)


def refresh(desk: World) -> None:
    """Refresh the offers. Worlds that are equal before share the result."""
    desk.reach(("refreshed",), lambda: bool(desk.application.offer_refresher.run()))


def read_times(desk: World) -> dict[str, timedelta]:
    """Return the age of what is stored, by region."""
    stored = desk.application.offer_refresher.offers.get_many(REGIONS)
    return {region: desk.now - reading.read_at for region, reading in stored.items()}


def test_offers_of_the_zones_that_ec2_names_can_be_searched_after_the_refresh(desk: World) -> None:
    refresh(desk)
    result = desk.application.offers.search(OfferRequest(instance_type="g4dn.xlarge", region="us-east-1"))
    offerings = boto3.client("ec2", "us-east-1").describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["g4dn.xlarge"]}]
    )["InstanceTypeOfferings"]
    zones = {offering["Location"] for offering in offerings}
    assert {(ranked.offer.zone, ranked.offer.market) for ranked in result.offers} == {
        (zone, market) for zone in zones for market in Market
    }
    assert result.left_out == ()
    stored = desk.application.offer_refresher.offers.get_many(["us-east-1"])["us-east-1"]
    assert not any(desk.application.offers.catalog.types[name].unavailable for name in stored.types)
    prices = {ranked.offer.market: ranked.offer.price for ranked in result.offers}
    on_demand, spot = prices[Market.ON_DEMAND], prices[Market.SPOT]
    assert on_demand is not None
    assert spot is not None
    assert (on_demand.usd_per_hour, on_demand.source) == (Decimal("0.526"), PriceSource.CATALOG)
    assert Decimal("0.1") < spot.usd_per_hour < on_demand.usd_per_hour
    assert (spot.source, spot.read_at) == (PriceSource.SPOT_PRICE_HISTORY, desk.now)


def test_region_that_fails_keeps_its_offers_and_stops_no_other(desk: World, caplog: pytest.LogCaptureFixture) -> None:
    refresher = build_refresher(desk)
    assert refresher.run().refreshed == ["us-east-1", "us-west-2"]
    desk.clock.advance(HOUR)
    desk.cloud.faults.inject("DescribeSpotPriceHistory", "RequestLimitExceeded")
    with caplog.at_level(logging.ERROR):
        report = refresher.run()
    assert (report.failed, report.refreshed) == (["us-east-1"], ["us-west-2"])
    assert read_times(desk) == {"us-east-1": HOUR, "us-west-2": timedelta()}
    assert "The offers of us-east-1 could not be read" in caplog.text


def test_region_that_cannot_be_stored_stops_no_other(desk: World, caplog: pytest.LogCaptureFixture) -> None:
    refresher = build_refresher(desk)
    refresher.run()
    desk.cloud.faults.inject("UpdateItem", "ProvisionedThroughputExceededException", status=400)
    with caplog.at_level(logging.ERROR):
        report = refresher.run()
    assert (report.failed, report.refreshed) == (["us-east-1"], ["us-west-2"])
    assert "The offers of us-east-1 could not be read or stored" in caplog.text


def test_oldest_region_is_read_first(desk: World) -> None:
    refresher = build_refresher(desk)
    replace(refresher, regions=("us-east-1",)).run()
    assert refresher.run().refreshed == ["us-west-2", "us-east-1"]


def test_without_time_nothing_is_read_and_the_region_is_named(desk: World, caplog: pytest.LogCaptureFixture) -> None:
    refresh(desk)
    with caplog.at_level(logging.ERROR):
        report = desk.application.offer_refresher.run(seconds_left=1)
    assert (report.skipped, report.refreshed) == (["us-east-1"], [])
    assert "There was no time left to read the offers of us-east-1" in caplog.text


def test_changed_spot_price_changes_the_order_after_the_next_refresh(desk: World) -> None:
    def find_first_zone() -> str:
        request = OfferRequest(instance_type="g4dn.xlarge", market=Market.SPOT)
        return desk.application.offers.search(request).offers[0].offer.zone

    refresh(desk)
    cheapest = find_first_zone()
    desk.cloud.spot_prices.set("g4dn.xlarge", cheapest, Decimal("0.50"))
    assert find_first_zone() == cheapest
    desk.application.offer_refresher.run()
    assert find_first_zone() != cheapest


def test_repeated_refresh_replaces_what_was_read(desk: World) -> None:
    refresh(desk)
    first = desk.application.offer_refresher.offers.get_many(REGIONS)
    desk.clock.advance(HOUR)
    desk.application.offer_refresher.run()
    (after,) = desk.application.offer_refresher.offers.get_many(REGIONS).values()
    before = first["us-east-1"]
    assert before.quotas is not None
    assert after == replace(before, read_at=desk.now, quotas=replace(before.quotas, read_at=desk.now))


def get_quotas(desk: World) -> dict[str, QuotaSummary]:
    """Return the quotas of the only region, by code."""
    return {quota.code: quota for quota in desk.application.offers.list_quotas()}


def test_quotas_are_read_with_the_use_of_own_and_foreign_instances(desk: World) -> None:
    desk.launch_until_ready(instance_type="g4dn.xlarge")
    desk.ec2.run_instances(ImageId=desk.get_public_image(), InstanceType="g4dn.2xlarge", MinCount=1, MaxCount=1)
    refresh(desk)
    quota = get_quotas(desk)["L-DB2E81BA"]
    assert (quota.use, quota.read_at, quota.is_stale) == (4 + 8, desk.now, False)
    assert quota.limit is not None
    assert quota.free == quota.limit - 12


@pytest.mark.parametrize("operation", ["ListServiceQuotas", "DescribeInstances"])
def test_quotas_that_cannot_be_read_stay_and_become_stale_and_zones_are_read(
    desk: World, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    refresh(desk)
    before = get_quotas(desk)["L-DB2E81BA"]
    for _ in range(2):
        desk.clock.advance(HOUR)
        desk.cloud.faults.inject(operation, "RequestLimitExceeded")
        with caplog.at_level(logging.ERROR):
            assert desk.application.offer_refresher.run().refreshed == ["us-east-1"]
    assert get_quotas(desk)["L-DB2E81BA"] == replace(before, is_stale=True)
    assert read_times(desk) == {"us-east-1": timedelta()}
    assert "The quotas of us-east-1 could not be read" in caplog.text


class UnreadableQuotas(Quotas):
    """Quotas in a form that gpudesk does not expect."""

    def read_limits(self, region: str) -> Mapping[str, int]:
        raise ValueError(f"a quota of {region} has no value")


def test_quotas_in_an_unexpected_form_do_not_keep_zones_from_being_read(
    desk: World, caplog: pytest.LogCaptureFixture
) -> None:
    refresher = desk.application.offer_refresher
    with caplog.at_level(logging.ERROR):
        report = replace(refresher, quotas=UnreadableQuotas(Clients(LOOP_CONFIG, SdkSession()), "dev")).run()
    assert (report.refreshed, report.failed) == (["us-east-1"], [])
    assert get_quotas(desk)["L-DB2E81BA"].read_at is None
    assert "The quotas of us-east-1 could not be read" in caplog.text


def test_refresh_fails_once_a_region_could_not_be_read_for_hours(desk: World) -> None:
    refresher = build_refresher(desk)
    refresher.run()
    desk.clock.advance(3 * HOUR)
    desk.cloud.faults.inject("DescribeInstanceTypeOfferings", "UnauthorizedOperation", times=2)
    assert refresher.run().failed == ["us-east-1", "us-west-2"]
    desk.clock.advance(timedelta(seconds=1))
    desk.cloud.faults.inject("DescribeInstanceTypeOfferings", "UnauthorizedOperation")
    with pytest.raises(OffersOutdated, match="prices of us-east-1 are outdated or were never read"):
        refresher.run()
    assert read_times(desk) == {"us-east-1": 3 * HOUR + timedelta(seconds=1), "us-west-2": timedelta()}


def test_refresh_fails_if_a_region_was_never_read(desk: World) -> None:
    desk.cloud.faults.inject("DescribeInstanceTypeOfferings", "RequestLimitExceeded")
    with pytest.raises(OffersOutdated):
        refresh(desk)
    assert read_times(desk) == {}


def test_function_that_is_called_every_five_minutes_reads_each_region_once_an_hour(desk: World) -> None:
    refresher, read = desk.application.offer_refresher, []
    refresher.run_due()
    for minutes in range(5, 65, 5):
        desk.clock.advance(timedelta(minutes=5))
        if minutes == 60:
            desk.cloud.faults.inject("DescribeInstanceTypeOfferings", "RequestLimitExceeded")
        report = refresher.run_due()
        read.append((report.refreshed, report.failed))
    assert read == [([], [])] * 11 + [([], ["us-east-1"])]
    desk.clock.advance(timedelta(minutes=5))
    assert refresher.run_due().refreshed == ["us-east-1"], "it does not wait for the next hour"


def test_zone_whose_only_subnet_belongs_to_somebody_else_is_left_out(desk: World) -> None:
    subnets = desk.ec2.describe_subnets()["Subnets"]
    usable = [subnet for subnet in subnets if subnet["AvailabilityZone"] != "us-east-1a"]
    stage = desk.application.settings.stage
    tagged = [subnet["SubnetId"] for subnet in usable]
    desk.ec2.create_tags(Resources=tagged, Tags=[{"Key": STAGE_TAG, "Value": stage}])
    refresh(desk)
    result = desk.application.offers.search(OfferRequest(instance_type="g4dn.xlarge", region="us-east-1"))
    assert "us-east-1a" not in {ranked.offer.zone for ranked in result.offers}
    assert [(group.message, group.subjects) for group in result.left_out] == [
        ("gpudesk has no subnet in us-east-1a.", ("g4dn.xlarge",))
    ]


def test_subnets_that_cannot_be_read_stay_and_zones_are_read(desk: World, caplog: pytest.LogCaptureFixture) -> None:
    refresher = desk.application.offer_refresher
    refresher.run()
    before = refresher.offers.get_many(REGIONS)["us-east-1"].subnet_zones
    desk.cloud.faults.inject("DescribeSubnets", "RequestLimitExceeded")
    with caplog.at_level(logging.ERROR):
        assert refresher.run().refreshed == ["us-east-1"]
    assert before
    assert refresher.offers.get_many(REGIONS)["us-east-1"].subnet_zones == before
    assert "The subnets of us-east-1 could not be read" in caplog.text

"""Spot prices of the local cloud."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from chalicelib.store.data_files import load_catalog
from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock

HOUR = timedelta(hours=1)
G4DN: dict[str, Any] = {"Filters": [{"Name": "instance-type", "Values": ["g4dn.xlarge"]}]}
ZONE: dict[str, Any] = {
    "InstanceTypes": ["g4dn.xlarge"],
    "Filters": [{"Name": "availability-zone", "Values": ["us-east-1a"]}],
}


def read_prices(**query: Any) -> list[str]:
    history = boto3.client("ec2", "us-east-1").describe_spot_price_history(**query)["SpotPriceHistory"]
    return [change["SpotPrice"] for change in history]


def test_prices_are_below_the_list_price_and_differ_between_zones(cloud: LocalCloud) -> None:
    history = boto3.client("ec2", "us-east-1").describe_spot_price_history(**G4DN)["SpotPriceHistory"]
    list_price = float(load_catalog().types["g4dn.xlarge"].prices["us-east-1"])
    prices = [float(change["SpotPrice"]) for change in history]
    assert len(set(prices)) > 1
    assert all(0.2 * list_price < price < 0.7 * list_price for price in prices)
    assert {change["ProductDescription"] for change in history} == {"Linux/UNIX"}
    ages = [cloud.clock.now() - change["Timestamp"] for change in history]
    assert all(timedelta() < age < timedelta(days=2) for age in ages)


def test_pages_continue_each_other(cloud: LocalCloud) -> None:
    client = boto3.client("ec2", "us-east-1")
    whole = client.describe_spot_price_history(**G4DN)["SpotPriceHistory"]
    pages = client.get_paginator("describe_spot_price_history").paginate(**G4DN, PaginationConfig={"PageSize": 2})
    found = [page["SpotPriceHistory"] for page in pages]
    assert [len(page) for page in found[:-1]] == [2] * (len(found) - 1)
    assert [change for page in found for change in page] == whole


@pytest.mark.parametrize("query", [{"ProductDescriptions": ["Windows"]}, {"InstanceTypes": ["u-3tb1.56xlarge"]}])
def test_other_systems_and_types_without_list_price_have_no_spot_price(cloud: LocalCloud, query: Any) -> None:
    assert read_prices(**query) == []


def test_history_has_the_changes_since_a_time_and_the_price_of_that_time(cloud: LocalCloud, clock: ManualClock) -> None:
    (first,) = read_prices(**ZONE)
    cloud.spot_prices.set("g4dn.xlarge", "us-east-1a", Decimal("0.31"))
    clock.advance(90 * HOUR)
    cloud.spot_prices.set("g4dn.xlarge", "us-east-1a", Decimal("0.32"))
    assert read_prices(**ZONE) == ["0.320000", "0.310000", first]
    assert read_prices(**ZONE, StartTime=clock.now() - HOUR / 2) == ["0.320000", "0.310000"]
    assert read_prices(**ZONE, StartTime=clock.now()) == ["0.320000"]

"""Spot prices of the local cloud."""

from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.store.data_files import load_catalog
from local.aws.core.local_cloud import LocalCloud

G4DN: dict[str, Any] = {"Filters": [{"Name": "instance-type", "Values": ["g4dn.xlarge"]}]}


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
    assert boto3.client("ec2", "us-east-1").describe_spot_price_history(**query)["SpotPriceHistory"] == []

"""Zones and spot prices, read from pages of EC2's answers."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from chalicelib.aws.clients import Clients, SdkSession, build_config
from chalicelib.aws.offerings import LINUX, MAX_FILTER_VALUES, PAGE_SIZE, Offerings
from chalicelib.domain.common.aws_errors import TransientAwsError
from local.aws.core.testing import create_session
from tests.unit.offers.offer_examples import NOW

HOUR = timedelta(hours=1)


class StubbedClients(Clients):
    """Clients with one EC2 client, whose answers a test has written."""

    def __init__(self, client: Any) -> None:
        super().__init__(build_config(1, 1), SdkSession())
        self._client = client

    def ec2(self, region: str) -> Any:
        return self._client


@pytest.fixture(scope="module")
def client() -> Any:
    return create_session().client("ec2", "us-east-1")


@pytest.fixture
def ec2(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def offerings(client: Any) -> Offerings:
    return Offerings(StubbedClients(client))


def answer_offerings(ec2: Stubber, pages: list[list[tuple[str, str]]], types: Any = ANY) -> None:
    for number, page in enumerate(pages):
        rows = [{"InstanceType": name, "LocationType": "availability-zone", "Location": zone} for name, zone in page]
        token = {"NextToken": f"token-{number + 1}"} if number + 1 < len(pages) else {}
        expected = {
            "LocationType": "availability-zone",
            "Filters": [{"Name": "instance-type", "Values": types}],
            "MaxResults": PAGE_SIZE,
            **({"NextToken": f"token-{number}"} if number else {}),
        }
        response = {"InstanceTypeOfferings": rows, **token}
        ec2.add_response("describe_instance_type_offerings", response, expected)


def answer_history(ec2: Stubber, pages: list[list[tuple[str, datetime, str]]]) -> None:
    for number, page in enumerate(pages):
        changes = [
            {"InstanceType": "g5.xlarge", "AvailabilityZone": zone, "Timestamp": at, "SpotPrice": price}
            for zone, at, price in page
        ]
        token = {"NextToken": f"token-{number + 1}"} if number + 1 < len(pages) else {}
        expected = {
            "StartTime": NOW,
            "ProductDescriptions": list(LINUX),
            "Filters": [{"Name": "instance-type", "Values": ["g5.xlarge"]}],
            "MaxResults": PAGE_SIZE,
            **({"NextToken": f"token-{number}"} if number else {}),
        }
        ec2.add_response("describe_spot_price_history", {"SpotPriceHistory": changes, **token}, expected)


def test_zones_are_read_from_all_pages_without_local_zones(ec2: Stubber, offerings: Offerings) -> None:
    first = [("g5.xlarge", "us-east-1b"), ("g5.xlarge", "us-east-1-bos-1a"), ("g6.xlarge", "us-east-1-bos-1a")]
    answer_offerings(ec2, [first, [("g5.xlarge", "us-east-1a"), ("g4dn.xlarge", "us-east-1a")]])
    assert offerings.read_zones("us-east-1", ["g5.xlarge", "g4dn.xlarge", "g6.xlarge", "p5.48xlarge"]) == {
        "g5.xlarge": {"us-east-1a", "us-east-1b"},
        "g4dn.xlarge": {"us-east-1a"},
    }


def test_no_call_names_more_types_than_a_filter_accepts(ec2: Stubber, offerings: Offerings) -> None:
    names = [f"g{number:03}.large" for number in range(MAX_FILTER_VALUES + 1)]
    answer_offerings(ec2, [[(names[0], "us-east-1a")]], names[:-1])
    answer_offerings(ec2, [[(names[-1], "us-east-1a")]], names[-1:])
    assert set(offerings.read_zones("us-east-1", names)) == {names[0], names[-1]}


def test_newest_spot_price_of_each_zone_counts(ec2: Stubber, offerings: Offerings) -> None:
    first = [("us-east-1a", NOW - HOUR, "0.400000"), ("us-east-1b", NOW - HOUR, "0.500000")]
    second = [("us-east-1a", NOW, "0.410000"), ("us-east-1b", NOW - 2 * HOUR, "0.300000")]
    answer_history(ec2, [first, second])
    assert offerings.read_spot_prices("us-east-1", ["g5.xlarge"], NOW) == {
        ("g5.xlarge", "us-east-1a"): Decimal("0.41"),
        ("g5.xlarge", "us-east-1b"): Decimal("0.5"),
    }


def test_without_types_nothing_is_called(ec2: Stubber, offerings: Offerings) -> None:
    assert offerings.read_zones("us-east-1", []) == {}
    assert offerings.read_spot_prices("us-east-1", [], NOW) == {}


def test_throttled_page_is_an_error(ec2: Stubber, offerings: Offerings) -> None:
    ec2.add_client_error("describe_instance_type_offerings", "RequestLimitExceeded", http_status_code=503)
    with pytest.raises(TransientAwsError, match="RequestLimitExceeded"):
        offerings.read_zones("us-east-1", ["g5.xlarge"])

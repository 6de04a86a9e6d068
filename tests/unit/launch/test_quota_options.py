"""The quotas with which a launch that waits can be launched."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import TryResult
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.launch.next_offer import OfferChooser
from chalicelib.domain.launch.quota_options import list_quota_options, list_quota_regions
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.domain.offers.quotas import QuotaReading
from tests.support.recipes import build_recipes
from tests.unit.launch.failover_examples import build_launch, build_offering, build_region
from tests.unit.launch.test_next_offer import build_tried
from tests.unit.offers.offer_examples import NOW, build_context

EXCEEDED = QuotaReading(
    read_at=NOW,
    limits={"L-DB2E81BA": 0, "L-3819A6DF": 0},
    use={"L-DB2E81BA": 0, "L-3819A6DF": 0},
    foreign_use={"L-DB2E81BA": 0, "L-3819A6DF": 0},
)


def build_exceeded(region: str, on_demand: str = "0.526", **more: TypeOffering) -> RegionOfferings:
    return replace(build_region(region, "a", on_demand, **more), quotas=EXCEEDED)


CONTEXT = build_context(
    build_exceeded("eu-west-1", "0.65"),
    build_exceeded("us-west-2", g4dn_2xlarge=build_offering("us-west-2", "a", "0.50")),
    build_exceeded("us-east-1"),
    build_exceeded("ap-northeast-1", "0.70"),
)


def list_options(instance: Instance, context: OfferContext = CONTEXT) -> list[str]:
    """Return the options as "TYPE MARKET REGION"."""
    options = list_quota_options(instance, OfferChooser(context, build_recipes()))
    return [f"{each.instance_type} {each.market} {each.region}" for each in options]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (
            {},
            ["g4dn.xlarge on-demand us-east-1", "g4dn.xlarge on-demand us-west-2", "g4dn.xlarge on-demand eu-west-1"],
        ),
        ({"is_region_fixed": True}, ["g4dn.xlarge on-demand us-east-1"]),
        (
            {"is_region_fixed": True, "markets": (Market.SPOT, Market.ON_DEMAND)},
            ["g4dn.xlarge spot us-east-1", "g4dn.xlarge on-demand us-east-1"],
        ),
    ],
)
def test_options_are_the_affordable_offers_whose_quotas_are_exceeded_too(
    choice: dict[str, Any], expected: list[str]
) -> None:
    """The cheaper g4dn.2xlarge in us-west-2 needs more of the same quota."""
    assert list_options(build_launch(**choice)) == expected


def test_offers_that_ec2_refused_are_options_even_if_they_are_not_stored() -> None:
    refused = build_tried(build_launch(), "us-west-2a", TryResult.QUOTA_EXCEEDED, code="VcpuLimitExceeded")
    assert list_options(refused, build_context()) == [
        "g4dn.xlarge on-demand us-east-1",
        "g4dn.xlarge on-demand us-west-2",
    ]
    assert list_quota_regions(refused, ("us-east-1", "eu-west-1")) == ("us-east-1", "eu-west-1", "us-west-2")


def test_region_without_launches_of_the_account_is_no_option() -> None:
    pending = replace(build_launch(), launch=LaunchState(left_out_regions=("us-west-2",)))
    assert not any("us-west-2" in option for option in list_options(pending))

"""What quotas leave for launches that wait for them, in the order of their requests."""

from dataclasses import replace

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.quota_wait import QuotaWait
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.waiting_headroom import QuotaOption, WaitingLaunch, divide_headroom
from chalicelib.store.data_files import load_catalog
from tests.unit.instances.simulation import build_requested_instance, get_time

ON_DEMAND_G = "L-DB2E81BA"
TYPES = load_catalog().types


def build_waiting(name: str, minute: int, wait: QuotaWait) -> Instance:
    """Return a launch that was requested in this minute and waits for the quota of its only type."""
    instance = build_requested_instance()
    hardware = replace(instance.spec.hardware, instance_type=name, vcpus=TYPES[name].vcpus)
    return replace(
        instance,
        id=f"gd-{minute}",
        created_at=get_time(minute),
        spec=replace(instance.spec, wait_for_quota=True, region="us-east-1", hardware=hardware),
        launch=replace(instance.launch, quota_wait=wait),
    )


@pytest.mark.parametrize(
    ("try_count", "read_minute", "fits"),
    [
        (0, 10, False),
        (1, 10, False),
        (2, 10, True),
        (2, 30, False),
    ],
)
def test_launch_that_ec2_refuses_again_and_again_keeps_its_place_only_for_its_next_try(
    try_count: int, read_minute: int, fits: bool
) -> None:
    refused = QuotaWait(since=get_time(0), refused_at=get_time(20), try_count=try_count)
    large = build_waiting("g4dn.12xlarge", 0, refused)
    small = build_waiting("g4dn.xlarge", 1, QuotaWait(since=get_time(1)))
    reading = QuotaReading(
        read_at=get_time(read_minute), limits={ON_DEMAND_G: 48}, use={ON_DEMAND_G: 0}, foreign_use={ON_DEMAND_G: 0}
    )
    quotas = CurrentQuotas(
        region="us-east-1",
        reading=reading,
        records=[large, small],
        types=TYPES,
        now=get_time(40),
    )
    launches = [
        WaitingLaunch(each, [QuotaOption("us-east-1", each.spec.hardware.instance_type, Market.ON_DEMAND)])
        for each in (large, small)
    ]
    divided = divide_headroom(launches, {"us-east-1": quotas})
    assert [each.fits for each in divided[large.id]] == [True]
    assert [each.fits for each in divided[small.id]] == [fits]

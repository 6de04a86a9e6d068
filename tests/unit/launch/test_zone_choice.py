"""Which of the zones with a subnet a launch tries next."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from chalicelib.aws.launch_prerequisites import AmiDetails, Subnet
from chalicelib.control.loop.choose_offer import OfferSelector
from chalicelib.control.loop.resolve_launch import LaunchResolver
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import InsufficientCapacity
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import OfferKey
from chalicelib.domain.instances.outcome import LaunchResolved
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.capacity_record import CapacityRecord, Result, replay
from chalicelib.domain.offers.likelihood import estimate_likelihood
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.region_capacity import CapacityKey, RegionCapacity
from chalicelib.domain.sessions.role import RoleArn
from chalicelib.settings import Settings
from chalicelib.store.data_files import load_catalog
from local.clock import ManualClock
from tests.support.ready_instance import START, build_ready_instance

MINUTE = timedelta(minutes=1)
SETTINGS = Settings(
    stage="dev",
    table_prefix="gpudesk",
    instance_profile="gpudesk-instance",
    instance_role_id="AROA1",
    security_group="gpudesk",
    home_region="us-east-1",
    webhook_key="/gpudesk/webhook-key",
    session_role=RoleArn.parse("arn:aws:iam::123456789012:role/gpudesk-session"),
)


@dataclass
class FakeAws:
    """Subnets in the zones a, b and c, and one AMI."""

    zones: str = "abc"

    def describe_image(self, region: str, image_id: str) -> AmiDetails:
        return AmiDetails("/dev/sda1", 8)

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        return [Subnet(f"subnet-{each}", f"{region}{each}", "sg-1", assigns_public_address=True) for each in self.zones]

    def get_parameter(self, region: str, name: str) -> str:
        return "ami-1"


@dataclass
class FakeCapacity:
    """Records of capacity of a region whose offers were not read yet, and the settings of the desk."""

    capacity: RegionCapacity

    def get_many_with_capacity(
        self, regions: Iterable[str], *, is_consistent: bool = False
    ) -> tuple[Mapping[str, RegionOfferings], Mapping[str, RegionCapacity]]:
        assert is_consistent
        return {}, dict.fromkeys(regions, self.capacity)

    def list_readable(self) -> Iterator[Instance]:
        return iter(())

    def get_settings(self) -> DeskSettings:
        return DeskSettings()


def build_records(**records: CapacityRecord) -> FakeCapacity:
    """Return records, with `a=` for the zone us-east-1a."""
    keys = {letter: CapacityKey("g4dn.xlarge", f"us-east-1{letter}", Market.ON_DEMAND) for letter in records}
    return FakeCapacity(RegionCapacity({keys[letter]: each for letter, each in records.items()}))


def record(result: Result, minutes_ago: int) -> CapacityRecord:
    return replay([(result, START - minutes_ago * MINUTE)])


def choose_zone(capacity: FakeCapacity, *without_capacity: str, zones: str = "abc", now: datetime = START) -> str:
    return resolve(capacity, build_ready_instance(), *without_capacity, zones=zones, now=now).attempt.zone


def resolve(
    capacity: FakeCapacity, instance: Instance, *without_capacity: str, zones: str = "abc", now: datetime = START
) -> LaunchResolved:
    aws = FakeAws(zones)
    selector = OfferSelector(
        offers=capacity,
        instances=capacity,
        desk=capacity,
        catalog=load_catalog(),
        recipes={},
        regions=("us-east-1",),
        home_region="us-east-1",
        clock=ManualClock(now),
    )
    resolver = LaunchResolver(aws, aws, load_catalog(), SETTINGS, selector)
    refused = [OfferKey("g4dn.xlarge", zone, Market.ON_DEMAND) for zone in without_capacity]
    return resolver.resolve(instance, refused)


@pytest.mark.parametrize(
    ("capacity", "zone"),
    [
        pytest.param(build_records(), "us-east-1a", id="nothing is known: by name"),
        pytest.param(build_records(a=record(Result.REFUSED, 2)), "us-east-1b", id="refused recently"),
        pytest.param(build_records(b=record(Result.LAUNCHED, 2)), "us-east-1b", id="launched recently"),
        pytest.param(
            build_records(a=record(Result.REFUSED, 2), b=record(Result.REFUSED, 2), c=record(Result.REFUSED, 4)),
            "us-east-1c",
            id="its avoidance has ended",
        ),
        pytest.param(
            build_records(a=record(Result.REFUSED, 1), b=record(Result.REFUSED, 2), c=record(Result.REFUSED, 1)),
            "us-east-1b",
            id="all are avoided: the likeliest",
        ),
    ],
)
def test_zone_without_a_recent_refusal_and_then_the_likeliest_comes_first(capacity: FakeCapacity, zone: str) -> None:
    assert choose_zone(capacity) == zone


def test_avoided_zone_comes_after_a_less_likely_one() -> None:
    usual = [(Result.LAUNCHED, START - week * timedelta(weeks=1)) for week in (4, 4, 3, 3, 2, 2, 1, 1)]
    refusals = [(Result.REFUSED, START - minutes * MINUTE) for minutes in (55, 54, 53, 52, 51, 50)]
    often_free, rarely_free = replay([*usual, *refusals]), replay([(Result.REFUSED, START - timedelta(weeks=1))] * 6)
    assert estimate_likelihood(often_free, START).value > estimate_likelihood(rarely_free, START).value
    assert choose_zone(build_records(a=often_free, b=rarely_free), zones="ab") == "us-east-1b"


def test_zone_that_refused_this_launch_is_not_chosen_however_likely() -> None:
    capacity = build_records(b=record(Result.LAUNCHED, 2), c=record(Result.REFUSED, 2))
    assert choose_zone(capacity, "us-east-1b") == "us-east-1a"
    assert choose_zone(capacity, "us-east-1b", "us-east-1a") == "us-east-1c"
    with pytest.raises(InsufficientCapacity):
        choose_zone(capacity, "us-east-1a", "us-east-1b", "us-east-1c")


@pytest.mark.parametrize(("tried", "is_new_round"), [("abc", True), ("ab", False), ("", False)])
def test_launch_that_has_tried_each_zone_begins_a_new_round(tried: str, is_new_round: bool) -> None:
    before = tuple(f"g4dn.xlarge/us-east-1{letter}/on-demand" for letter in tried)
    instance = replace(build_ready_instance(), launch=LaunchState(tried_before=before))
    assert resolve(build_records(), instance).is_new_round is is_new_round

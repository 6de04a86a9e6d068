"""The offer and the subnet that a launch gets from what is stored and from what EC2 says about its regions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from chalicelib.aws.launch_prerequisites import Subnet
from chalicelib.control.loop.choose_offer import ChosenOffer, OfferSelector
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import (
    AwsError,
    InsufficientCapacity,
    PrerequisiteMissing,
    TransientAwsError,
)
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import OfferKey
from chalicelib.domain.instances.outcome import NoOfferLeft
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.store.data_files import load_catalog
from local.clock import ManualClock
from tests.support.ready_instance import build_launch_attempt, build_ready_instance
from tests.support.recipes import build_recipes
from tests.unit.instances.moving_simulation import start_move
from tests.unit.launch.failover_examples import build_launch, build_offering, build_region
from tests.unit.offers.offer_examples import MINUTE, NOW

REGIONS = ("us-east-1", "us-west-2")
NOT_SET_UP = PrerequisiteMissing("gpudesk is not set up in this region: no VPC has the security group gpudesk")
OUTAGE = TransientAwsError("ServiceUnavailable", "The service is unavailable.")
NO_G_QUOTA = QuotaReading(read_at=NOW, limits={"L-DB2E81BA": 0}, use={"L-DB2E81BA": 0})


@dataclass
class FakeSources:
    """The stored offers of two regions, the active records, and the subnets in the zones a and b.

    :ivar errors: the errors of regions that have no subnets
    """

    stored: tuple[RegionOfferings, ...] = (build_region("us-east-1"), build_region("us-west-2"))
    errors: dict[str, AwsError] = field(default_factory=dict)
    zones: str = "ab"
    records: tuple[Instance, ...] = ()

    def get_many_with_capacity(
        self, regions: Iterable[str], *, is_consistent: bool = False
    ) -> tuple[Mapping[str, RegionOfferings], Mapping[str, RegionCapacity]]:
        read = {each.region: each for each in self.stored}
        return {region: read[region] for region in regions if region in read}, {}

    def list_readable(self) -> Iterator[Instance]:
        return iter(self.records)

    def get_settings(self) -> DeskSettings:
        return DeskSettings()

    def list_subnets(self, region: str, type_name: str) -> list[Subnet]:
        if region in self.errors:
            raise self.errors[region]
        return [Subnet(f"subnet-{each}", f"{region}{each}", "sg-1", assigns_public_address=True) for each in self.zones]


def select_zone(sources: FakeSources, instance: Instance, *without_capacity: str) -> str:
    return select(sources, instance, *without_capacity).offer.zone


def select(sources: FakeSources, instance: Instance, *without_capacity: str) -> ChosenOffer:
    excluded = [OfferKey("g4dn.xlarge", zone, Market.ON_DEMAND) for zone in without_capacity]
    return build_selector(sources).select(instance, sources, excluded)


def build_selector(sources: FakeSources) -> OfferSelector:
    return OfferSelector(
        offers=sources,
        instances=sources,
        desk=sources,
        catalog=load_catalog(),
        recipes=build_recipes(),
        regions=REGIONS,
        home_region="us-east-1",
        clock=ManualClock(NOW),
    )


def test_zone_without_a_subnet_is_no_offer() -> None:
    assert select_zone(FakeSources(zones="b"), build_launch()) == "us-east-1b"
    assert select_zone(FakeSources(zones="b"), build_launch(), "us-east-1b") == "us-west-2b"


@pytest.mark.parametrize("error", [NOT_SET_UP, OUTAGE])
def test_other_region_that_cannot_be_used_leaves_no_offer_and_is_no_failure(error: AwsError) -> None:
    sources = FakeSources(errors={"us-west-2": error})
    assert select_zone(sources, build_launch()) == "us-east-1a"
    with pytest.raises(InsufficientCapacity):
        select_zone(sources, build_launch(), "us-east-1a", "us-east-1b")


def test_first_region_that_does_not_respond_is_asked_again() -> None:
    with pytest.raises(TransientAwsError):
        select_zone(FakeSources(errors={"us-east-1": OUTAGE}), build_launch())


def test_missing_deployment_fails_a_launch_only_if_it_has_tried_nothing_and_can_go_nowhere_else() -> None:
    sources = FakeSources(errors={"us-east-1": NOT_SET_UP})
    assert select_zone(sources, build_launch()) == "us-west-2a"
    named = build_launch(is_region_fixed=True)
    with pytest.raises(PrerequisiteMissing, match="not set up"):
        select_zone(sources, named)
    with pytest.raises(InsufficientCapacity):
        select_zone(sources, replace(named, launch=LaunchState(attempt_count=1)))


def test_region_that_was_not_read_yet_offers_its_zones_with_a_subnet() -> None:
    assert select_zone(FakeSources(stored=()), build_launch()) == "us-east-1a"
    west = FakeSources(stored=(build_region("us-west-2", "a", "0.1"),))
    assert select_zone(west, build_launch()) == "us-east-1a", "the region of the request comes first"


def test_quota_that_seems_exceeded_is_asked_last() -> None:
    east = replace(build_region("us-east-1"), quotas=NO_G_QUOTA)
    sources = FakeSources(stored=(east, build_region("us-west-2")))
    assert select_zone(sources, build_launch()) == "us-west-2a"
    assert select_zone(sources, build_launch(), "us-west-2a", "us-west-2b") == "us-east-1a"
    assert select_zone(sources, build_launch(is_region_fixed=True)) == "us-east-1a"


def test_earlier_one_of_two_launches_beyond_a_quota_keeps_its_region() -> None:
    code = "L-DB2E81BA"
    for_one = QuotaReading(read_at=NOW, limits={code: 4}, use={code: 0}, foreign_use={code: 0})
    first = replace(build_launch(), id="gd-1", created_at=NOW, phase=Phase.LAUNCHING, launch=LaunchState())
    stored = (replace(build_region("us-east-1"), quotas=for_one), build_region("us-west-2"))
    for second in (replace(first, id="gd-2"), replace(first, id="gd-0", created_at=NOW + MINUTE)):
        sources = FakeSources(stored=stored, records=(second, first))
        assert (select_zone(sources, first), select_zone(sources, second)) == ("us-east-1a", "us-west-2a")
        tried = replace(second, launch=LaunchState(attempt=build_launch_attempt()))
        assert select_zone(replace(sources, records=(tried, first)), first) == "us-west-2a", "it may run already"


def test_quota_is_exceeded_by_its_use_as_of_now() -> None:
    code = "L-DB2E81BA"
    full = QuotaReading(read_at=NOW, limits={code: 4}, use={code: 4}, foreign_use={code: 0})
    east = replace(build_region("us-east-1"), quotas=full)
    ended_since = FakeSources(stored=(east, build_region("us-west-2")))
    assert select_zone(ended_since, build_launch()) == "us-east-1a"
    running = replace(ended_since, records=(build_launch(), replace(build_ready_instance(), id="gd-other")))
    assert select_zone(running, build_launch()) == "us-west-2a"


def test_offers_above_the_maximum_price_are_counted_also_if_nothing_is_left() -> None:
    prices = {"us-east-1a": Decimal("0.1368"), "us-east-1b": Decimal("0.2735"), "us-east-1c": Decimal("0.3156")}
    offering = replace(build_offering("us-east-1", "abc"), spot=prices)
    sources = FakeSources(stored=(replace(build_region("us-east-1"), types={"g4dn.xlarge": offering}),), zones="abc")
    named = build_launch(
        gpus=(), gpu_count=None, is_region_fixed=True, markets=(Market.SPOT,), max_price=Decimal("0.171")
    )
    above = select(sources, named).above_maximum
    assert above is not None
    assert (above.count, above.cheapest.zone, above.cheapest.price) == (2, "us-east-1b", Decimal("0.2735"))
    excluded = OfferKey("g4dn.xlarge", "us-east-1a", Market.SPOT)
    with pytest.raises(NoOfferLeft) as nothing:
        build_selector(sources).select(named, sources, [excluded])
    assert nothing.value.above_maximum == above
    _, simulation = start_move(region="us-east-1")
    assert simulation.instance.move is not None
    move = replace(simulation.instance.move, source_zone="us-east-1b")
    left = select(sources, replace(named, move=move)).above_maximum
    assert left is not None
    assert (left.count, left.cheapest.zone) == (1, "us-east-1c"), "a move does not return to its zone"

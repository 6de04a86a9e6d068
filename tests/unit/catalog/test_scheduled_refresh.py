"""The refresh of the catalog: what is read when, and what stays if AWS does not answer."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import pytest

from chalicelib.aws.catalog import CatalogSource, may_have_gpus
from chalicelib.control.loop.refresh_catalog import CatalogOutdated, CatalogRefresher
from chalicelib.domain.catalog.reading import CatalogReading, RegionOptIns, RegionTypes, TypePrices
from chalicelib.domain.catalog.refresh import DescribedType
from chalicelib.domain.common.aws_errors import AwsError, AwsForbidden
from chalicelib.store.catalog import CatalogRepository
from local.clock import ManualClock
from tests.unit.catalog.test_refresh import describe

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
REGIONS = ("eu-west-1", "us-east-1")
PACKAGED = ("g4dn.xlarge", "g5.xlarge")
NEW = "g9.xlarge"
REFUSAL = AwsForbidden("AccessDenied", "not allowed")


class MemoryRepository(CatalogRepository):
    """A repository without a table."""

    def __init__(self) -> None:
        self.stored: CatalogReading | None = None
        self.writes = 0

    def find(self) -> CatalogReading | None:
        return self.stored

    def save(self, reading: CatalogReading) -> None:
        self.stored = reading
        self.writes += 1


@dataclass
class FakeSource(CatalogSource):
    """AWS with one new type.

    :ivar failures: errors by the subject of a call: a region, a type, or "opt-ins"
    :ivar calls: the subjects of the calls, in order
    """

    failures: dict[str, AwsError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def read_types(self, region: str, known: Collection[str]) -> dict[str, DescribedType]:
        self._call(region)
        return {name: describe(name) for name in (*PACKAGED, NEW)}

    def read_prices(self, type_name: str) -> dict[str, Decimal]:
        self._call(type_name)
        return {"us-east-1": Decimal("0.9")}

    def read_opt_ins(self, region: str) -> Mapping[str, str]:
        self._call("opt-ins")
        return {"us-east-1": "opt-in-not-required"}

    def _call(self, subject: str) -> None:
        self.calls.append(subject)
        if subject in self.failures:
            raise self.failures[subject]


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def refresher(source: FakeSource) -> CatalogRefresher:
    return CatalogRefresher(MemoryRepository(), source, PACKAGED, REGIONS, "us-east-1", ManualClock())


def get_stored(refresher: CatalogRefresher) -> CatalogReading:
    stored = refresher.catalog.find()
    assert stored is not None
    return stored


def advance(refresher: CatalogRefresher, time: timedelta) -> None:
    assert isinstance(refresher.clock, ManualClock)
    refresher.clock.advance(time)


def test_first_refresh_reads_everything_and_the_prices_of_new_types(
    refresher: CatalogRefresher, source: FakeSource
) -> None:
    report = refresher.run()
    assert source.calls == ["opt-ins", "eu-west-1", "us-east-1", *PACKAGED, NEW]
    assert (len(report.refreshed), report.failed, report.skipped) == (6, [], [])
    stored, now = get_stored(refresher), refresher.clock.now()
    assert stored.regions == dict.fromkeys(REGIONS, RegionTypes(read_at=now, offered=(*PACKAGED, NEW)))
    assert stored.prices[NEW] == TypePrices(read_at=now, by_region={"us-east-1": Decimal("0.9")})
    assert stored.opt_ins == RegionOptIns(read_at=now, statuses={"us-east-1": "opt-in-not-required"})


def test_nothing_is_read_again_within_a_day(refresher: CatalogRefresher, source: FakeSource) -> None:
    refresher.run()
    source.calls.clear()
    advance(refresher, DAY - 4 * MINUTE)
    refresher.run()
    assert isinstance(refresher.catalog, MemoryRepository)
    assert (source.calls, refresher.catalog.writes) == ([], 1)
    advance(refresher, MINUTE)
    refresher.run()
    assert len(source.calls) == 6


def test_region_that_fails_keeps_what_was_read_and_is_read_again_by_the_next_call(
    refresher: CatalogRefresher, source: FakeSource, caplog: pytest.LogCaptureFixture
) -> None:
    refresher.run()
    before = get_stored(refresher)
    advance(refresher, DAY)
    source.failures["eu-west-1"] = REFUSAL
    with caplog.at_level(logging.ERROR):
        assert refresher.run().failed == ["the types of eu-west-1"]
    assert "There is no new reading of the types of eu-west-1: Not allowed (AccessDenied)." in caplog.text
    after = get_stored(refresher)
    assert after.regions["eu-west-1"] == before.regions["eu-west-1"]
    assert after.regions["us-east-1"].read_at == refresher.clock.now()
    source.failures.clear()
    source.calls.clear()
    refresher.run()
    assert source.calls == ["eu-west-1"]


def test_price_list_that_fails_is_called_once_and_keeps_all_prices(
    refresher: CatalogRefresher, source: FakeSource
) -> None:
    refresher.run()
    before = get_stored(refresher)
    source.calls.clear()
    advance(refresher, DAY)
    source.failures["g4dn.xlarge"] = REFUSAL
    refresher.run()
    assert source.calls == ["opt-ins", "eu-west-1", "us-east-1", "g4dn.xlarge"]
    assert get_stored(refresher).prices == before.prices


def test_answer_in_an_unexpected_form_stops_nothing_else(refresher: CatalogRefresher, source: FakeSource) -> None:
    class OddSource(FakeSource):
        def read_opt_ins(self, region: str) -> Mapping[str, str]:
            raise KeyError("OptInStatus")

    odd = CatalogRefresher(refresher.catalog, OddSource(), PACKAGED, REGIONS, "us-east-1", refresher.clock)
    assert odd.run().failed == ["the regions of the account"]
    assert get_stored(odd).prices.keys() == {*PACKAGED, NEW}


def test_refresh_without_time_stores_what_it_has_read(refresher: CatalogRefresher, source: FakeSource) -> None:
    with pytest.raises(CatalogOutdated, match=r"the types of eu-west-1, the types of us-east-1 and the prices"):
        refresher.run(seconds_left=1)
    assert source.calls == []


def test_refresh_fails_after_three_days_without_a_reading(refresher: CatalogRefresher, source: FakeSource) -> None:
    refresher.run()
    source.failures = {"eu-west-1": REFUSAL, "g4dn.xlarge": REFUSAL}
    advance(refresher, 3 * DAY)
    refresher.run()
    advance(refresher, MINUTE)
    with pytest.raises(CatalogOutdated, match=r"never read: the types of eu-west-1 and the prices of all types\."):
        refresher.run()
    assert get_stored(refresher).regions["us-east-1"].read_at > refresher.clock.now() - DAY


def test_region_that_gpudesk_has_left_is_forgotten(refresher: CatalogRefresher, source: FakeSource) -> None:
    refresher.run()
    one = CatalogRefresher(refresher.catalog, source, PACKAGED, ("us-east-1",), "us-east-1", refresher.clock)
    one.run()
    assert get_stored(one).regions.keys() == {"us-east-1"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, True) for name in ("g4dn.xlarge", "gr6.4xlarge", "p6-b200.48xlarge", "q1.xlarge", "7g.xlarge")),
        *((name, False) for name in ("m7i.large", "u7i-12tb.224xlarge", "im4gn.large", "mac2.metal", "vt1.3xlarge")),
    ],
)
def test_types_of_unknown_series_are_described_too(name: str, expected: bool) -> None:
    assert may_have_gpus(name) is expected

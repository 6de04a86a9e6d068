"""Scenario test of what a stop warning says about the next start."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

from chalicelib.control.start_outlooks import StartOutlooks
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.region_capacity import CapacityAnswer, CapacityKey, RegionCapacity
from tests.support.world import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def refuse_mornings(desk: World) -> None:
    """Count refusals of all zones on the Wednesday to Friday before, in the morning of Virginia."""
    now = desk.clock.now()
    assert f"{now:%A %H}" == "Monday 09"
    for days, letter in product((5, 4, 3), "abcdf"):
        at = now - days * DAY + 5 * HOUR
        key = CapacityKey("g4dn.xlarge", f"us-east-1{letter}", Market.ON_DEMAND)
        answer = CapacityAnswer(id=f"{days}{letter}", region="us-east-1", key=key, result=Result.REFUSED, at=at)
        desk.application.reconciler.stores.capacity.add(answer)


def count_reads(desk: World) -> list[str]:
    """Return a list to which each later read of the records adds its region."""
    reads: list[str] = []
    stored = desk.application.reconciler.stores.capacity

    def read(region: str) -> RegionCapacity:
        reads.append(region)
        return stored.get(region)

    reconciler = replace(desk.application.sweep.reconciler, outlooks=StartOutlooks(read))
    desk.application = replace(desk.application, sweep=replace(desk.application.sweep, reconciler=reconciler))
    return reads


def test_warnings_of_a_sweep_say_that_the_start_may_be_refused_after_one_read(desk: World) -> None:
    refuse_mornings(desk)
    first, second = (desk.launch(key=key, idle_minutes=6, warning_minutes=6) for key in ("first", "second"))
    reads = count_reads(desk)
    warned = [desk.wait_until(each, lambda now: now.warning is not None, sweep_every=2) for each in (first, second)]
    for instance in warned:
        assert instance.warning is not None
        assert "EC2 refused g4dn.xlarge in us-east-1a on 3 of the last 3 weekday mornings" in instance.warning.message
    assert reads == ["us-east-1"]

"""Read types, list prices and the regions of the account from AWS, and store them for all functions.

Only what is a day old is read. A part that fails keeps what was read before, and is read again by the next call.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from chalicelib.aws.catalog import CatalogSource
from chalicelib.control.loop.function_budget import start_function_budget
from chalicelib.domain.catalog.reading import (
    CatalogReading,
    RegionOptIns,
    RegionTypes,
    TypePrices,
    add_prices,
    add_region,
    keep_regions,
)
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import CATALOG_REFRESHED_AFTER, CATALOG_STALE_AFTER
from chalicelib.domain.common.errors import DeskError
from chalicelib.domain.common.text import join_and
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.store.catalog import CatalogRepository

LOG = logging.getLogger(__name__)

NEVER = datetime.min.replace(tzinfo=UTC)

Read = Callable[[CatalogReading], CatalogReading]
"""Function that adds one part to a reading. It raises AwsError."""


class CatalogOutdated(DeskError):
    """A part of the catalog has not been read for so long that an admin must look. It makes the function fail, so that
    its alarm sends a mail."""


@dataclass
class CatalogReport:
    """The parts of one refresh, by name.

    :ivar failed: AWS rejected a call or did not respond
    :ivar skipped: there was no time left
    """

    refreshed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CatalogRefresher:
    """The function that refreshes the catalog. It can be repeated: each reading replaces the part that was read before.

    :param packaged_types: names of the types in the packaged catalog
    :param regions: the regions in which gpudesk is set up
    :param home_region: the region that is called to list the regions of the account
    """

    catalog: CatalogRepository
    source: CatalogSource
    packaged_types: Collection[str]
    regions: tuple[str, ...]
    home_region: str
    clock: Clock

    def run(self, seconds_left: float | None = None) -> CatalogReport:
        """Read the parts that are a day old while there is time, and store what was read.

        :param seconds_left: until Lambda ends the function; None: the time of a scheduled function
        :raises CatalogOutdated: a part could not be read for days, or never
        """
        budget, report = start_function_budget(seconds_left, time.monotonic), CatalogReport()
        before = self.catalog.find() or CatalogReading()
        reading = keep_regions(before, self.regions)
        reading = self._read_all(self._list_parts(reading), reading, budget, report)
        # New types are known only now. Their prices belong to the same refresh.
        reading = self._read_all(self._list_prices(reading), reading, budget, report, stops_at_failure=True)
        if reading != before:
            self.catalog.save(reading)
        self._require_recent(reading)
        return report

    def _list_parts(self, reading: CatalogReading) -> Iterator[tuple[str, Read]]:
        """Yield the regions that are due, and the list of the account's regions."""
        if reading.opt_ins is None or self._is_due(reading.opt_ins.read_at):
            yield "the regions of the account", self._read_opt_ins
        read_at = {region: reading.regions[region].read_at for region in self.regions if region in reading.regions}
        for region in _sort_by_age(self.regions, read_at):
            if self._is_due(read_at.get(region, NEVER)):
                yield f"the types of {region}", partial(self._read_region, region)

    def _list_prices(self, reading: CatalogReading) -> Iterator[tuple[str, Read]]:
        """Yield the types whose prices are due, the oldest first."""
        read_at = {name: prices.read_at for name, prices in reading.prices.items()}
        for name in _sort_by_age({*self.packaged_types, *reading.types}, read_at):
            if self._is_due(read_at.get(name, NEVER)):
                yield f"the prices of {name}", partial(self._read_prices, name)

    def _read_all(
        self,
        parts: Iterable[tuple[str, Read]],
        reading: CatalogReading,
        budget: TimeBudget,
        report: CatalogReport,
        *,
        stops_at_failure: bool = False,
    ) -> CatalogReading:
        """Return the reading with all parts that could be read.

        :param stops_at_failure: one call is like the others, so the rest would fail, too
        """
        for name, read in parts:
            if budget.is_spent:
                LOG.warning("There was no time left to read %s. The next refresh begins with it.", name)
                report.skipped.append(name)
                return reading
            try:
                reading = read(reading)
            except AwsError as error:
                LOG.error("There is no new reading of %s: %s", name, error.description)
                report.failed.append(name)
                if stops_at_failure:
                    return reading
            except Exception:
                LOG.exception("There is no new reading of %s. The last one is kept.", name)
                report.failed.append(name)
            else:
                report.refreshed.append(name)
        return reading

    def _read_region(self, region: str, reading: CatalogReading) -> CatalogReading:
        found = self.source.read_types(region, {*self.packaged_types, *reading.types})
        offered = RegionTypes(read_at=self.clock.now(), offered=tuple(sorted(found)))
        return add_region(reading, region, offered, found)

    def _read_prices(self, type_name: str, reading: CatalogReading) -> CatalogReading:
        by_region = self.source.read_prices(type_name)
        # To the minute, because the time is stored for each type.
        read_at = self.clock.now().replace(second=0, microsecond=0)
        return add_prices(reading, type_name, TypePrices(read_at=read_at, by_region=by_region))

    def _read_opt_ins(self, reading: CatalogReading) -> CatalogReading:
        statuses = self.source.read_opt_ins(self.home_region)
        return replace(reading, opt_ins=RegionOptIns(read_at=self.clock.now(), statuses=statuses))

    def _is_due(self, read_at: datetime) -> bool:
        return read_at == NEVER or self.clock.now() - read_at >= CATALOG_REFRESHED_AFTER

    def _require_recent(self, reading: CatalogReading) -> None:
        """Check that regions and prices are not older than searches accept."""
        oldest = self.clock.now() - CATALOG_STALE_AFTER
        read_at = {region: each.read_at for region, each in reading.regions.items()}
        outdated = [f"the types of {region}" for region in self.regions if read_at.get(region, NEVER) < oldest]
        if max((prices.read_at for prices in reading.prices.values()), default=NEVER) < oldest:
            outdated.append("the prices of all types")
        if outdated:
            raise CatalogOutdated(f"Outdated or never read: {join_and(outdated)}. The log has the cause.")


def _sort_by_age(names: Iterable[str], read_at: Mapping[str, datetime]) -> list[str]:
    """Return names, those first that were not read for the longest time."""
    return sorted(names, key=lambda name: (read_at.get(name, NEVER), name))

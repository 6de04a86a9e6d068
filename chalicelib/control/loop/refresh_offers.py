"""Read zones, prices, quotas and subnets of all regions, and store them for searches.

Each region is written on its own. A region that fails keeps what was read before, which searches mark as old. Quotas
and subnets that fail keep their last reading, and stop neither zones nor prices.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chalicelib.aws.launch_prerequisites import LaunchPrerequisites
from chalicelib.aws.offerings import Offerings
from chalicelib.aws.quotas import Quotas
from chalicelib.control.loop.function_budget import start_function_budget
from chalicelib.control.loop.read_quotas import read_quotas
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.deadlines import OFFERS_REFRESHED_AFTER, OFFERS_STALE_AFTER
from chalicelib.domain.common.errors import DeskError
from chalicelib.domain.common.text import join_and
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.offers.offerings import RegionOfferings, TypeOffering
from chalicelib.store.offers import OfferRepository

LOG = logging.getLogger(__name__)


class OffersOutdated(DeskError):
    """The offers of a region have not been read for so long that an admin must look. It makes the function fail, so
    that its alarm sends a mail."""


@dataclass
class RefreshReport:
    """The regions of one refresh.

    :ivar failed: EC2 or DynamoDB rejected a call or did not respond
    :ivar skipped: there was no time left
    """

    refreshed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class OfferRefresher:
    """The function that refreshes offers. It can be repeated: each reading replaces the one before.

    :param regions: the regions in which gpudesk is set up
    """

    offers: OfferRepository
    offerings: Offerings
    quotas: Quotas
    prerequisites: LaunchPrerequisites
    catalog: InstanceTypeCatalog
    regions: tuple[str, ...]
    clock: Clock

    def run(self, seconds_left: float | None = None) -> RefreshReport:
        """Read all regions while there is time, those first that were not read for the longest time.

        :param seconds_left: until Lambda ends the function; None: the time of a scheduled function
        :raises OffersOutdated: a region could not be read for hours, or never
        """
        return self._refresh(seconds_left, timedelta())

    def run_due(self, seconds_left: float | None = None) -> RefreshReport:
        """Read the regions that were last read about an hour ago, as `run` does."""
        return self._refresh(seconds_left, OFFERS_REFRESHED_AFTER)

    def _refresh(self, seconds_left: float | None, min_age: timedelta) -> RefreshReport:
        budget, report = start_function_budget(seconds_left, time.monotonic), RefreshReport()
        stored = self.offers.get_many(self.regions)
        read_at = {region: reading.read_at for region, reading in stored.items()}
        never = datetime.min.replace(tzinfo=UTC)
        now = self.clock.now()
        due = [region for region in self.regions if region not in read_at or now - read_at[region] >= min_age]
        for region in sorted(due, key=lambda name: (read_at.get(name, never), name)):
            self._refresh_region(region, stored.get(region), budget, report)
        self._require_recent({**read_at, **dict.fromkeys(report.refreshed, self.clock.now())})
        return report

    def _refresh_region(
        self, region: str, stored: RegionOfferings | None, budget: TimeBudget, report: RefreshReport
    ) -> None:
        if budget.is_spent:
            LOG.error("There was no time left to read the offers of %s. The next refresh begins with it.", region)
            report.skipped.append(region)
            return
        try:
            self.offers.save(self._read_region(region, stored))
        except AwsError as error:
            LOG.error("The offers of %s could not be read: %s", region, error.description)
            report.failed.append(region)
        except Exception:
            LOG.exception("The offers of %s could not be read or stored. The next refresh begins with it.", region)
            report.failed.append(region)
        else:
            report.refreshed.append(region)

    def _read_region(self, region: str, stored: RegionOfferings | None) -> RegionOfferings:
        now = self.clock.now()
        launchable = {item.name: item for item in self.catalog.types.values() if item.unavailable is None}
        zones = self.offerings.read_zones(region, launchable)
        spot = self.offerings.read_spot_prices(region, zones, now)
        return RegionOfferings(
            region=region,
            read_at=now,
            types={
                name: TypeOffering(
                    on_demand=launchable[name].prices.get(region),
                    priced_on=launchable[name].priced_at,
                    spot={zone: spot.get((name, zone)) for zone in offered},
                    priced_at=launchable[name].prices_read_at,
                )
                for name, offered in zones.items()
            },
            quotas=read_quotas(self.quotas, self.catalog, region, now) or (stored.quotas if stored else None),
            subnet_zones=self._read_subnet_zones(region, stored),
        )

    def _read_subnet_zones(self, region: str, stored: RegionOfferings | None) -> frozenset[str] | None:
        """Return the zones with a subnet, the last ones if they could not be read; None: they never were."""
        try:
            return self.prerequisites.list_subnet_zones(region)
        except AwsError as error:
            LOG.error("The subnets of %s could not be read: %s", region, error.description)
            return stored.subnet_zones if stored else None

    def _require_recent(self, read_at: dict[str, datetime]) -> None:
        """Check that no region is older than searches accept."""
        oldest = self.clock.now() - OFFERS_STALE_AFTER
        outdated = [region for region in self.regions if region not in read_at or read_at[region] < oldest]
        if outdated:
            raise OffersOutdated(
                f"The zones and prices of {join_and(outdated)} are outdated or were never read. The log has the cause."
            )

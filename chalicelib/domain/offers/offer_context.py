"""Define the facts that a search for offers depends on besides its query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.reading import RegionOptIns
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.places import Place
from chalicelib.domain.offers.region_capacity import RegionCapacity

NOT_OPTED_IN = "not-opted-in"
"""OptInStatus of a region that the account cannot use."""


@dataclass(frozen=True, kw_only=True)
class OfferContext:
    """The facts that a search depends on besides the query.

    :param deployed_regions: the regions in which gpudesk is set up
    :param offerings: what was read of regions, by region; for a launch, with the use of quotas as of now
    :param capacity: what EC2 has answered to launches and starts, by region
    :param origin: the place from which distances are measured; None: unknown
    :param opt_ins: which regions the account may use; None: not read yet
    """

    catalog: InstanceTypeCatalog
    limits: Limits
    deployed_regions: Sequence[str]
    offerings: Mapping[str, RegionOfferings]
    origin: Place | None
    now: datetime
    capacity: Mapping[str, RegionCapacity] = field(default_factory=dict)
    opt_ins: RegionOptIns | None = None

    def is_opted_out(self, region: str) -> bool:
        """Return whether the account may not use a region. A later reading of the region shows that it may."""
        reading = self.offerings.get(region)
        if self.opt_ins is None or (reading and reading.read_at > self.opt_ins.read_at):
            return False
        return self.opt_ins.statuses.get(region) == NOT_OPTED_IN

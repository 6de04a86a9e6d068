"""Read what decisions about waiting launches need to know of quotas: from DynamoDB only, and only if a launch waits."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.launch_headroom import may_wait_for_quota
from chalicelib.domain.offers.observed_quota import RegionQuotas, describe_refused_start, observe_quota
from chalicelib.domain.offers.quota_request import RegionQuotaRequests
from chalicelib.store.dynamo import is_overload
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuotaSource:
    """The quotas of regions, as they were last read from AWS."""

    stores: Repositories
    catalog: InstanceTypeCatalog
    clock: Clock

    def read(self, region: str, records: Sequence[Instance] | None = None) -> RegionQuotas:
        """Return the quotas of a region, the requests to increase them, and its records.

        :param records: those of the region; None: they are read, too
        """
        offerings, requests = self.stores.quota_requests.get_many_with_offerings([region])
        if records is None:
            active = (record for record in self.stores.instances.list_active() if isinstance(record, Instance))
            records = [record for record in active if record.spec.region == region]
        reading = offerings[region].quotas if region in offerings else None
        return RegionQuotas(reading, requests.get(region, RegionQuotaRequests()), records)

    def observe(self, instance: Instance, quotas: RegionQuotas) -> ObservedQuota | None:
        """Return what is known of the quota of a launch; None: the launch does not wait for one."""
        if not may_wait_for_quota(instance):
            return None
        return observe_quota(instance, quotas, self.catalog, self.clock.now())

    def describe_refused_start(self, instance: Instance) -> str:
        """Return what is known of the quota for which EC2 refused a start, as sentences; empty: DynamoDB is overloaded.

        The refusal that they belong to must be recorded in any case.
        """
        try:
            quotas = self.read(instance.spec.region)
        except Exception as error:
            if not is_overload(error):
                raise
            LOG.warning("The quota of %s is not described: DynamoDB is overloaded", instance.name)
            return ""
        return describe_refused_start(instance, quotas, self.catalog, self.clock.now())

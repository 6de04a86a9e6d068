"""Read what decisions about waiting launches need to know of quotas: from DynamoDB only, and only if a launch waits."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.control.current_quotas import read_current_quotas
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.instances.quota_wait import ObservedQuota
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.observed_quota import RegionQuotas, describe_refused_start, observe_quota
from chalicelib.domain.offers.quota_request import RegionQuotaRequests
from chalicelib.domain.offers.quota_use import may_wait_for_quota
from chalicelib.store.dynamo import is_overload
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuotaSource:
    """Reads the quotas of regions for decisions. AWS is not called."""

    stores: Repositories
    catalog: InstanceTypeCatalog
    clock: Clock

    def read(self, region: str, records: Sequence[Instance] | None = None) -> RegionQuotas:
        """Return the quotas of a region as of now, and the requests to increase them.

        :param records: the active records of the region; None: they are read, too
        """
        offerings, requests = self.stores.quota_requests.get_many_with_offerings([region])
        reading, types, now = (
            offerings[region].quotas if region in offerings else None,
            self.catalog.types,
            self.clock.now(),
        )
        if records is None:
            current = read_current_quotas(self.stores, region, reading, types, now)
        else:
            current = CurrentQuotas(region=region, reading=reading, records=records, types=types, now=now)
        return RegionQuotas(current, requests.get(region, RegionQuotaRequests()))

    def observe(self, instance: Instance, quotas: RegionQuotas) -> ObservedQuota | None:
        """Return what is known of the quota of a launch; None: the launch does not wait for one."""
        if not may_wait_for_quota(instance):
            return None
        return observe_quota(instance, quotas)

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
        return describe_refused_start(instance, quotas)

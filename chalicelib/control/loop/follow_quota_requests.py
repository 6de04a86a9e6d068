"""File the requests to increase quotas in Service Quotas, and follow them until AWS has decided.

Every step can be repeated. The history of the quota is read before each call, so a request whose answer was lost is
found there, and AWS refuses a second open one.
"""

import logging
import time
from dataclasses import dataclass

from chalicelib.aws.quotas import Quotas
from chalicelib.control.loop.function_budget import start_function_budget
from chalicelib.control.loop.read_quotas import read_quotas
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.aws_errors import AwsDuplicate, AwsError, PermanentAwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.notifications.desk_notifications import build_quota_notification
from chalicelib.domain.notifications.notification import Notification
from chalicelib.domain.offers.quota_request import (
    QuotaRequest,
    apply_aws_state,
    close_missing,
    describe_change,
    find_filed,
    refuse,
)
from chalicelib.store.conflicts import VersionConflict, retry_on_conflict
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuotaRequestFollower:
    """The function that works on requests to increase quotas. Without an open one it makes one call of DynamoDB.

    :param regions: the regions in which gpudesk is set up
    """

    stores: Repositories
    quotas: Quotas
    catalog: InstanceTypeCatalog
    regions: tuple[str, ...]
    clock: Clock

    def run(self, seconds_left: float | None = None) -> list[QuotaRequest]:
        """File and follow all open requests while there is time. An error stops only its request until the next run.

        While gpudesk is paused, it files none. Requests that are filed are followed, which changes nothing in AWS.

        :param seconds_left: until Lambda ends the function; None: the time of a scheduled function
        :returns: the requests that have changed
        """
        budget, changed = start_function_budget(seconds_left, time.monotonic), []
        stored = self.stores.quota_requests.get_many(self.regions)
        requests = [each for region in stored.values() for each in region.open_requests]
        # The mode is read only if there is something to do.
        is_paused = bool(requests) and self.stores.desk.get_settings().mode is Mode.PAUSED
        for request in requests:
            if budget.is_spent:
                LOG.error("There was no time left for the request of quota %s in %s.", request.code, request.region)
                continue
            try:
                after = self._follow(request, is_paused)
            except AwsError as error:
                LOG.error("Quota %s in %s: %s", request.code, request.region, error.description)
            except VersionConflict as conflict:
                LOG.warning("%s; the next run tries again", conflict)
            except Exception:
                LOG.exception("The request of quota %s in %s failed.", request.code, request.region)
            else:
                changed += [after] if after != request else []
        return changed

    def _follow(self, before: QuotaRequest, is_paused: bool) -> QuotaRequest:
        """Bring one request up to date.

        :param is_paused: gpudesk may file nothing now
        :raises AwsError: AWS rejects the reading of the history, or does not respond
        """
        after = self._advance(before, is_paused)
        if after == before:
            return before
        self._save(before, after)
        if not after.is_open:
            # A launch that waits for the quota must not wait for the hourly refresh.
            reading = read_quotas(self.quotas, self.catalog, after.region, self.clock.now())
            if reading:
                self.stores.offers.save_quotas(after.region, reading)
        return after

    def _advance(self, request: QuotaRequest, is_paused: bool) -> QuotaRequest:
        filed = find_filed(request, self.quotas.list_requests(request.region, request.code))
        now = self.clock.now()
        if filed:
            return apply_aws_state(request, filed, now)
        if request.aws_id:
            return close_missing(request, now)
        if is_paused:
            return request
        try:
            answer = self.quotas.request_increase(request.region, request.code, request.value)
        except AwsDuplicate:
            return request
        except PermanentAwsError as error:
            return refuse(request, error.description, now)
        return apply_aws_state(request, answer, now)

    def _save(self, before: QuotaRequest, after: QuotaRequest) -> None:
        """Write a changed request with its notification, unless an admin has replaced it meanwhile."""
        reason = describe_change(before, after)
        notifications: list[Notification] = []
        if reason:
            directory = ChannelDirectory(admin=self.stores.desk.get_settings().channels)
            notification = build_quota_notification(after.key, reason, self.clock.now(), directory)
            notifications = [notification] if notification.deliveries else []
            LOG.info("%s: %s", reason.code, reason.message)

        def save() -> None:
            stored = self.stores.quota_requests.get_many([after.region])[after.region]
            current = stored.find(after.code)
            if current and current.key == before.key and current != after:
                self.stores.quota_requests.save(after.region, stored.put(after), notifications)

        retry_on_conflict(save)

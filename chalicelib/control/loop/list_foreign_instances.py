"""List the GPU instances of all enabled regions that gpudesk does not manage, and notify the admins of new ones.

A region that cannot be read keeps the instances of its last reading, with the reason. Nothing is changed in EC2.
"""

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.aws.foreign_instances import ForeignInstances
from chalicelib.control.loop.function_budget import start_function_budget
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import DeskError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.foreign.instance import ForeignInstance, is_gpu_type, list_type_patterns
from chalicelib.domain.foreign.inventory import (
    Inventory,
    RegionReading,
    describe_new,
    find_new,
    forget_gone,
    limit_instances,
    order_regions,
)
from chalicelib.domain.notifications.desk_notifications import build_desk_notification
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)

NO_TIME_LEFT = "There was no time left to read the region."


class NoRegionRead(DeskError):
    """No region could be read, as without a permission. It makes the function fail, so that its alarm sends a mail."""


@dataclass(frozen=True)
class ForeignInstanceLister:
    """The function that lists foreign instances, once a day. It can be repeated."""

    stores: Repositories
    account: ForeignInstances
    catalog: InstanceTypeCatalog
    clock: Clock

    def run(self, seconds_left: float | None = None) -> Inventory:
        """Read all enabled regions, store what was found and notify the admins of what is new.

        :param seconds_left: until Lambda ends the function; None: the time of a scheduled function
        :raises AwsError: EC2 did not say which regions are enabled, so Lambda tries again
        :raises NoRegionRead: no region could be read
        """
        budget, now = start_function_budget(seconds_left, time.monotonic), self.clock.now()
        before = self.stores.foreign_instances.get()
        known = {reading.region: reading for reading in before.readings}
        readings = [
            self._read_region(known.get(region) or RegionReading(region=region), budget, now)
            for region in order_regions(self.account.list_regions(), before)
        ]
        limited, left_out_count = limit_instances(sorted(readings, key=lambda reading: reading.region))
        inventory = Inventory(as_of=now, readings=limited, left_out_count=left_out_count)
        inventory = replace(inventory, notified=self._notify(inventory, before.notified, now))
        self.stores.foreign_instances.save(inventory)
        if all(reading.problem for reading in readings):
            raise NoRegionRead(f"No region could be read for foreign instances: {readings[0].problem}")
        return inventory

    def _read_region(self, before: RegionReading, budget: TimeBudget, now: datetime) -> RegionReading:
        if budget.is_spent:
            LOG.error("There was no time left to list the GPU instances of %s.", before.region)
            return before.fail(NO_TIME_LEFT)
        try:
            instances = self._list_instances(before.region)
        except AwsError as error:
            LOG.error("The GPU instances of %s could not be listed: %s", before.region, error.description)
            return before.fail(error.description)
        return RegionReading(region=before.region, read_at=now, instances=tuple(instances))

    def _list_instances(self, region: str) -> list[ForeignInstance]:
        found = self.account.list_instances(region, list_type_patterns(self.catalog))
        is_gpu = {item.instance_type: is_gpu_type(item.instance_type, self.catalog) for item in found}
        unknown = [name for name, has_gpu in is_gpu.items() if has_gpu is None]
        with_gpu = self._find_gpu_types(region, unknown) if unknown else frozenset()
        listed = [item for item in found if is_gpu[item.instance_type] or item.instance_type in with_gpu]
        return self._add_disks(region, listed) if listed else []

    def _find_gpu_types(self, region: str, names: list[str]) -> frozenset[str]:
        """Return those of the types that have a GPU. Without an answer all count, because a GPU costs the most."""
        try:
            return self.account.find_gpu_types(region, names)
        except AwsError as error:
            LOG.warning("The types %s of %s could not be read: %s", names, region, error.description)
            return frozenset(names)

    def _add_disks(self, region: str, instances: list[ForeignInstance]) -> list[ForeignInstance]:
        try:
            return self.account.add_disks(region, instances)
        except AwsError as error:
            LOG.warning("The disks of foreign instances of %s could not be read: %s", region, error.description)
            return instances

    def _notify(self, inventory: Inventory, notified: tuple[str, ...], now: datetime) -> tuple[str, ...]:
        """Notify the admins of new instances, at most once a day.

        Without a channel the notification is only stored, and the next reading notifies of the same instances again.

        :returns: the ids of the listed instances of which they are notified
        """
        instances = inventory.list_instances()
        new, known = find_new(instances, notified), forget_gone(notified, instances)
        if not new:
            return known
        directory = ChannelDirectory(owners={}, admin=self.stores.desk.get_settings().channels)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        message = describe_new(new, self.catalog)
        LOG.warning(message)
        code = EventCode.FOREIGN_INSTANCES_FOUND
        notification = build_desk_notification(code, message, today, now, directory)
        if not self.stores.notifications.put_if_absent(notification) or not directory.admin:
            return known
        return tuple(sorted({*known, *(item.instance_id for item in new)}))

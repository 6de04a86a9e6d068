"""End the wait of an instance for an image whose record cannot be read or does not exist.

Such an image makes no progress, so the instance would wait for it, and be billed, until the deadline of the image.
"""

import logging
from dataclasses import dataclass

from chalicelib.control.channel_directory import load_channel_directory
from chalicelib.control.loop.unreadable_records import report_unreadable_image
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.images.loss import describe_loss, end_wait
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.repositories import Repositories
from chalicelib.store.unreadable_item import UnreadableItem

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class LostImages:
    """Handles images without a readable record."""

    stores: Repositories
    clock: Clock

    def handle_missing(self, image_id: str) -> None:
        """End the wait for an image that has no record.

        :raises VersionConflict: the instance has changed since it was read
        """
        self._end_wait(image_id, is_unreadable=False)

    def handle_unreadable(self, error: UnreadableItem) -> None:
        """Notify the admins of an image whose record cannot be read, and end the wait for it.

        :raises VersionConflict: the instance has changed since it was read
        """
        directory = load_channel_directory(self.stores.desk.get_settings(), self.stores.owners)
        report_unreadable_image(error, self.stores.notifications, directory, self.clock.now())
        self._end_wait(error.item_id, is_unreadable=True)

    def _end_wait(self, image_id: str, *, is_unreadable: bool) -> None:
        for instance in self.stores.instances.list_active():
            in_progress = instance.image_in_progress if isinstance(instance, Instance) else None
            if in_progress and in_progress.id == image_id and isinstance(instance, Instance):
                reason = describe_loss(instance, image_id, is_unreadable=is_unreadable)
                self._write(instance, timeline_entry(self.clock.now(), reason, details={"image": image_id}))

    def _write(self, instance: Instance, entry: TimelineEntry) -> None:
        directory = load_channel_directory(self.stores.desk.get_settings(), self.stores.owners)
        after = end_wait(instance)
        notifications = build_notifications(after, (entry,), directory)
        self.stores.instances.write(
            RecordWrite(before=instance, after=after, entries=(entry,), notifications=notifications, is_user_write=True)
        )

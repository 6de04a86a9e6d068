"""Notify the admins of unreadable records of instances and images, with which gpudesk does nothing any more."""

import logging
from datetime import datetime

from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.notifications.desk_notifications import build_record_notification
from chalicelib.store.instances.repository import UnreadableRecord
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.unreadable_item import UnreadableItem

LOG = logging.getLogger(__name__)


def report_unreadable_record(
    record: UnreadableRecord, outbox: NotificationOutbox, directory: ChannelDirectory, now: datetime
) -> None:
    """Log an unreadable record, and notify the admins of it once a day. An error does not affect the sweep."""
    LOG.error("record %s cannot be read: %s", record.id, record.error)
    name = record.name or record.id
    try:
        outbox.put_if_absent(build_record_notification(record.id, name, _describe(record), now, directory))
    except Exception:
        LOG.exception("the admins could not be notified of record %s; the next sweep tries again", record.id)


def report_unreadable_image(
    error: UnreadableItem, outbox: NotificationOutbox, directory: ChannelDirectory, now: datetime
) -> None:
    """Log an unreadable image, and notify the admins of it once a day."""
    LOG.error("image %s", error)
    image_id, owner = error.item_id, f" of {error.owner}" if error.owner else ""
    message = (
        f"gpudesk cannot read its record of image {image_id}{owner}, and does nothing for this image any more: it does "
        "not create it, does not delete it, and no instance waits for it. The log of the function sweep says what is "
        f"wrong in the item {image_id} of the images table. Repair the item. If EC2 shows an AMI or snapshots with the "
        f"tag gpudesk:image={image_id}, AWS bills them."
    )
    outbox.put_if_absent(build_record_notification(image_id, image_id, message, now, directory))


def _describe(record: UnreadableRecord) -> str:
    name, ec2_id = record.name or record.id, record.ec2_instance_id
    owner = f" of {record.owner}" if record.owner else ""
    if ec2_id:
        effect = f"It does not stop the EC2 instance {ec2_id}, not even at the end of max_hours, while AWS bills it."
        remedy = f"Until then stop or terminate {ec2_id} in the EC2 console if nobody needs it."
    else:
        effect = "It neither launches nor terminates an EC2 instance for it."
        remedy = (
            f"If EC2 shows an instance with the tag gpudesk:id={record.id}, AWS bills it: terminate it in the console."
        )
    return (
        f"gpudesk cannot read its record {record.id} of {name}{owner}, and does nothing for {name} any more. {effect} "
        f"The costs of {name} are missing in GET /costs since the last change of its record. The log of the function "
        f"sweep says what is wrong in the item {record.id} of the instances table. Repair the item. {remedy}"
    )

"""Build the notifications of a change of an instance, from its timeline entries."""

from collections.abc import Iterable
from datetime import datetime

from chalicelib.domain.common.deadlines import NOTIFICATION_EXPIRY
from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import ChannelType, Delivery, DeliveryChannel, Notification

USER_REQUEST_CODES = (EventCode.STOP_REQUESTED, EventCode.TERMINATE_REQUESTED)
"""Reasons of a stop or a termination that a person requested. That person knows about the request, so nobody is
notified when the action begins. If it fails, people are notified."""

ANNOUNCED_CODES = (EventCode.SPOT_INTERRUPTION,)
"""Reasons of a stop that people are notified of with a code of its own, which says that gpudesk stops the instance."""


def build_notifications(
    instance: Instance, entries: Iterable[TimelineEntry], directory: ChannelDirectory
) -> tuple[Notification, ...]:
    """Return the notifications of a change. An entry that nobody can be notified of has none.

    :param instance: the record after the change
    :param entries: the timeline entries of the change
    """
    notifications = (_build_notification(instance, entry, directory) for entry in entries if _is_notified(entry))
    return tuple(notification for notification in notifications if notification.deliveries)


def _is_notified(entry: TimelineEntry) -> bool:
    is_known = entry.details.get("reason_code") in (*USER_REQUEST_CODES, *ANNOUNCED_CODES)
    return bool(entry.code.audience) and not is_known


def _build_notification(instance: Instance, entry: TimelineEntry, directory: ChannelDirectory) -> Notification:
    warning = instance.warning if instance.warning and instance.warning.created_at == entry.at else None
    return Notification(
        id=f"{instance.id}.{entry.code}.{int(entry.at.timestamp())}",
        instance_id=instance.id,
        instance_name=entry.details.get("former_name", instance.name),
        owner=instance.owner,
        code=entry.code,
        at=entry.at,
        message=entry.message,
        expires_at=warning.stop_by if warning else entry.at + NOTIFICATION_EXPIRY,
        warning_id=warning.id if warning else None,
        stop_at=warning.stop_at if warning else None,
        is_termination=entry.details.get("action") == ClaimAction.TERMINATE,
        rejected_by=entry.details.get("rejected_by", "AWS"),
        image_id=entry.details.get("image"),
        deliveries=build_deliveries(entry.code.audience, instance.owner, directory, entry.at),
    )


def build_deliveries(
    audiences: tuple[Audience, ...],
    owner: str,
    directory: ChannelDirectory,
    now: datetime,
    *,
    unreachable: str | None = None,
) -> dict[DeliveryChannel, Delivery]:
    """Return one delivery for each address. An address that the owner and the admins share gets one.

    :param unreachable: an address that gets none
    """
    deliveries: dict[DeliveryChannel, Delivery] = {}
    addresses: set[str | None] = {unreachable}
    for audience in audiences:
        channels = directory.get_recipient(audience, owner).channels
        for channel_type, address in ((ChannelType.EMAIL, channels.email), (ChannelType.WEBHOOK, channels.webhook)):
            if address and address not in addresses:
                addresses.add(address)
                deliveries[DeliveryChannel.of(audience, channel_type)] = Delivery(next_attempt_at=now)
    return deliveries

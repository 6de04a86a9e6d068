"""Build notifications: from the timeline entries of an instance, about gpudesk itself, and for a new webhook."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import NOTIFICATION_EXPIRY
from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory, Recipient
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import DESK_ID, ChannelType, Delivery, DeliveryChannel, Notification

USER_REQUEST_CODES = (EventCode.STOP_REQUESTED, EventCode.TERMINATE_REQUESTED)
"""Reasons of a stop or a termination that a person requested. That person knows about the request, so nobody is
notified when the action begins. If it fails, people are notified."""

ANNOUNCED_CODES = (EventCode.SPOT_INTERRUPTION,)
"""Reasons of a stop that people are notified of with a code of its own, which says that gpudesk stops the instance."""

DESK_NAME = "gpudesk"
ADMIN_OWNER = "admin"


def build_notifications(
    instance: Instance, entries: Iterable[TimelineEntry], directory: ChannelDirectory
) -> tuple[Notification, ...]:
    """Return the notifications of a change. An entry that nobody can be notified of has none.

    :param instance: the record after the change
    :param entries: the timeline entries of the change
    """
    notifications = (_build_notification(instance, entry, directory) for entry in entries if _is_notified(entry))
    return tuple(notification for notification in notifications if notification.deliveries)


def build_desk_notification(
    code: EventCode, message: str, since: datetime, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Return a notification about gpudesk itself.

    :param since: when the problem began. The same code and time make the same notification.
    """
    reason = EventReason(code=code, message=message)
    return _build_admin_notification(f"{DESK_ID}.{code}.{int(since.timestamp())}", reason, now, directory)


def build_quota_notification(
    request_key: str, reason: EventReason, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Return a notification to the admins about a request to increase a quota: the same one for the same state."""
    return _build_admin_notification(f"{DESK_ID}.{reason.code}.{request_key}", reason, now, directory)


def build_record_notification(
    record_id: str, name: str, message: str, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Return a notification to the admins about an unreadable record: the same one until the day ends in UTC."""
    reason = EventReason(code=EventCode.RECORD_UNREADABLE, message=message)
    notification = _build_admin_notification(f"{record_id}.{reason.code}.{now.date()}", reason, now, directory)
    return replace(notification, instance_id=record_id, instance_name=name)


def _build_admin_notification(
    notification_id: str, reason: EventReason, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Return a notification of the desk to the admins."""
    return Notification(
        id=notification_id,
        instance_id=DESK_ID,
        instance_name=DESK_NAME,
        owner=ADMIN_OWNER,
        code=reason.code,
        at=now,
        message=reason.message,
        expires_at=now + NOTIFICATION_EXPIRY,
        deliveries=build_deliveries(reason.code.audience, ADMIN_OWNER, directory, now),
    )


def build_unsubscription_notification(recipient: Recipient, directory: ChannelDirectory, now: datetime) -> Notification:
    """Return a notification on the other channels of a recipient, and to the admins: its address gets no more mails."""
    address, owner = recipient.channels.email, recipient.owner
    whose, path = (f"of {owner}", f"/owners/{owner}") if owner else ("of the admins", "/desk")
    code = EventCode.EMAIL_UNSUBSCRIBED
    audiences = code.audience if owner else (Audience.ADMIN,)
    message = (
        f"{address} {whose} is no longer subscribed to the mails of gpudesk, so no stop warning and no other "
        "notification reaches it by e-mail. Most often somebody followed the link to unsubscribe. "
        f"To get mails again, set the address again (PATCH {path} with channels.email), and "
        "follow the link in the mail from AWS Notifications."
    )
    deliveries = build_deliveries(audiences, owner or ADMIN_OWNER, directory, now, unreachable=address)
    return Notification(
        id=f"{recipient.name}.{code}.{now.date()}",
        instance_id=DESK_ID,
        instance_name=DESK_NAME,
        owner=owner or ADMIN_OWNER,
        code=code,
        at=now,
        message=message,
        expires_at=now + NOTIFICATION_EXPIRY,
        deliveries=deliveries,
    )


def build_webhook_welcome(recipient: Recipient, now: datetime) -> Notification:
    """Return the first message to a new webhook, so that its owner can see it arrive and check the signature.

    :param recipient: whose webhook it is. A webhook with a new secret gets another message.
    """
    code, audience = EventCode.WEBHOOK_REGISTERED, Audience.OWNER if recipient.owner else Audience.ADMIN
    return Notification(
        id=f"{recipient.name}.{code}.{recipient.channels.webhook_generation}",
        instance_id=DESK_ID,
        instance_name=DESK_NAME,
        owner=recipient.owner or ADMIN_OWNER,
        code=code,
        at=now,
        message=(
            "This webhook is registered with gpudesk. It will receive stop warnings and other notifications about GPU "
            "instances, signed like this message."
        ),
        expires_at=now + NOTIFICATION_EXPIRY,
        deliveries={DeliveryChannel.of(audience, ChannelType.WEBHOOK): Delivery(next_attempt_at=now)},
    )


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

"""Build notifications about gpudesk itself, not about a change of an instance.

The id of each one names its event, so that people are notified once of an event, for as long as notifications are kept.
If the event is a change of a record, the notification is written in the transaction of the change. Otherwise it is
written unless one with its id exists.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import NOTIFICATION_EXPIRY
from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.channels import ChannelDirectory, Recipient
from chalicelib.domain.notifications.build_notifications import build_deliveries
from chalicelib.domain.notifications.notification import DESK_ID, ChannelType, Delivery, DeliveryChannel, Notification

DESK_NAME = "gpudesk"
ADMIN_OWNER = "admin"


def build_desk_notification(
    code: EventCode, message: str, since: datetime, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Return a notification to the admins about gpudesk.

    :param since: when the problem began. The same code and time make the same notification.
    """
    reason = EventReason(code=code, message=message)
    return _build_for_admins(f"{DESK_ID}.{code}.{int(since.timestamp())}", reason, now, directory)


def build_quota_notification(
    request_key: str, reason: EventReason, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Return a notification to the admins about a request to increase a quota: the same one for the same state."""
    return _build_for_admins(f"{DESK_ID}.{reason.code}.{request_key}", reason, now, directory)


def build_record_notification(
    record_id: str, name: str, message: str, now: datetime, directory: ChannelDirectory
) -> Notification:
    """Return a notification to the admins about an unreadable record: the same one until the day ends in UTC."""
    reason = EventReason(code=EventCode.RECORD_UNREADABLE, message=message)
    notification = _build_for_admins(f"{record_id}.{reason.code}.{now.date()}", reason, now, directory)
    return replace(notification, instance_id=record_id, instance_name=name)


def _build_for_admins(
    notification_id: str, reason: EventReason, now: datetime, directory: ChannelDirectory
) -> Notification:
    deliveries = build_deliveries(reason.code.audience, ADMIN_OWNER, directory, now)
    return build_message(notification_id, reason, ADMIN_OWNER, deliveries, now)


def build_unsubscription_notification(recipient: Recipient, directory: ChannelDirectory, now: datetime) -> Notification:
    """Return a notification on the other channels of a recipient, and to the admins: its address gets no more mails."""
    address, owner = recipient.channels.email, recipient.owner
    whose, path = (f"of {owner}", f"/owners/{owner}") if owner else ("of the admins", "/desk")
    code = EventCode.EMAIL_UNSUBSCRIBED
    message = (
        f"{address} {whose} is no longer subscribed to the mails of gpudesk, so no stop warning and no other "
        "notification reaches it by e-mail. Most often somebody followed the link to unsubscribe. "
        f"To get mails again, set the address again (PATCH {path} with channels.email), and "
        "follow the link in the mail from AWS Notifications."
    )
    audiences, owner = (code.audience, owner) if owner else ((Audience.ADMIN,), ADMIN_OWNER)
    deliveries = build_deliveries(audiences, owner, directory, now, unreachable=address)
    reason = EventReason(code=code, message=message)
    return build_message(f"{recipient.name}.{code}.{now.date()}", reason, owner, deliveries, now)


def build_webhook_welcome(recipient: Recipient, now: datetime) -> Notification:
    """Return the first message to a new webhook, so that its owner can see it arrive and check the signature.

    :param recipient: whose webhook it is. A webhook with a new secret gets another message.
    """
    code, audience = EventCode.WEBHOOK_REGISTERED, Audience.OWNER if recipient.owner else Audience.ADMIN
    message = (
        "This webhook is registered with gpudesk. It will receive stop warnings and other notifications about GPU "
        "instances, signed like this message."
    )
    deliveries = {DeliveryChannel.of(audience, ChannelType.WEBHOOK): Delivery(next_attempt_at=now)}
    notification_id = f"{recipient.name}.{code}.{recipient.channels.webhook_generation}"
    reason = EventReason(code=code, message=message)
    return build_message(notification_id, reason, recipient.owner or ADMIN_OWNER, deliveries, now)


def build_message(
    notification_id: str,
    reason: EventReason,
    owner: str,
    deliveries: Mapping[DeliveryChannel, Delivery],
    now: datetime,
) -> Notification:
    """Return a notification of the desk."""
    return Notification(
        id=notification_id,
        instance_id=DESK_ID,
        instance_name=DESK_NAME,
        owner=owner,
        code=reason.code,
        at=now,
        message=reason.message,
        expires_at=now + NOTIFICATION_EXPIRY,
        deliveries=deliveries,
    )

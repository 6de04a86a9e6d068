"""Views of the history of an instance: timeline entries, and notifications with their deliveries."""

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import DeliveryChannelText, DeliveryStateText, EventCodeText
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.notifications.notification import Notification


class TimelineEntryView(TypedDict):
    """An entry of the timeline: what was done or decided, by whom and why."""

    at: str
    actor: str
    code: EventCodeText
    message: str
    details: dict[str, str]


def to_entry_view(entry: TimelineEntry) -> TimelineEntryView:
    """Return the view of a timeline entry."""
    return {
        "at": format_timestamp(entry.at),
        "actor": entry.actor,
        "code": str(entry.code),
        "message": entry.message,
        "details": dict(entry.details),
    }


class DeliveryAttemptView(TypedDict):
    """One attempt to deliver a notification; `detail`: the answer of the channel, or why there was none."""

    at: str
    succeeded: bool
    detail: str


class DeliveryView(TypedDict):
    """The delivery of a notification on one channel; `state` is pending, delivered or failed."""

    channel: DeliveryChannelText
    state: DeliveryStateText
    attempts: list[DeliveryAttemptView]


class NotificationView(TypedDict):
    """A notification and its deliveries."""

    id: str
    at: str
    code: EventCodeText
    message: str
    deliveries: list[DeliveryView]


def to_notification_view(notification: Notification) -> NotificationView:
    """Return the view of a notification, with its deliveries."""
    return {
        "id": notification.id,
        "at": format_timestamp(notification.at),
        "code": str(notification.code),
        "message": notification.message,
        "deliveries": [
            {
                "channel": channel,
                "state": str(delivery.state),
                "attempts": [
                    {"at": format_timestamp(attempt.at), "succeeded": attempt.succeeded, "detail": attempt.detail}
                    for attempt in delivery.attempts
                ],
            }
            for channel, delivery in notification.deliveries.items()
        ],
    }

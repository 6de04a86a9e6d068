"""Find out whether a notification is still true, since a delivery can be delayed for hours."""

from collections.abc import Collection, Mapping

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.record import STOPPED_PHASES, Instance, Phase
from chalicelib.domain.notifications.notification import Notification

RUNNING_PHASES = frozenset({Phase.BOOTING, Phase.SETTING_UP, Phase.READY, Phase.FAILED})

PHASES: Mapping[EventCode, Collection[Phase]] = {
    EventCode.READY: frozenset({Phase.READY}),
    EventCode.ACTIVITY_UNKNOWN: frozenset({Phase.READY}),
    EventCode.WARNING_CANCELLED: RUNNING_PHASES,
    EventCode.STOP_CANCELLED: RUNNING_PHASES,
    EventCode.STOP_INITIATED: STOPPED_PHASES,
    EventCode.STOPPED_EXTERNALLY: STOPPED_PHASES,
    EventCode.SPOT_INTERRUPTED: STOPPED_PHASES,
    EventCode.START_FAILED: frozenset({Phase.STOPPED}),
    EventCode.STOP_REFUSED: frozenset({Phase.STOPPING}),
    EventCode.STOP_OVERDUE: frozenset({Phase.STOPPING}),
    EventCode.TERMINATE_REFUSED: frozenset({Phase.TERMINATING}),
    EventCode.TERMINATE_OVERDUE: frozenset({Phase.TERMINATING}),
}
"""Phases in which a notification about the present state is true. The others are about events, which stay true."""


def requires_instance(notification: Notification) -> bool:
    """Return whether the notification can become untrue, so that its instance has to be read before a delivery."""
    return notification.warning_id is not None or notification.code in PHASES


def find_outdated_reason(notification: Notification, instance: Instance | None) -> str | None:
    """Return why the notification is no longer true, as a sentence; None if it still is.

    :param instance: its instance now; None: there is no record any more
    """
    if not requires_instance(notification):
        return None
    if instance is None:
        return "The instance no longer exists."
    if notification.warning_id is not None:
        is_active = instance.warning is not None and instance.warning.id == notification.warning_id
        return None if is_active else "The stop warning no longer applied."
    if notification.code is EventCode.ACTIVITY_UNKNOWN and notification.code not in instance.notified:
        return "The activity of the instance was known again."
    if instance.phase not in PHASES[notification.code]:
        return f"The notification was no longer true: the phase of the instance was {instance.phase}."
    return None

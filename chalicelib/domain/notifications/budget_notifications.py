"""Build the notifications about the use of a budget."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.notifications.build_notifications import build_deliveries
from chalicelib.domain.notifications.desk_notifications import ADMIN_OWNER, build_message
from chalicelib.domain.notifications.notification import DESK_ID, Notification


@dataclass(frozen=True, kw_only=True)
class BudgetMessage:
    """The content of the notifications about one budget.

    :param key: the same key makes the same notifications
    """

    key: str
    code: EventCode
    text: str
    at: datetime


def build_owner_budget_notification(message: BudgetMessage, owner: str, directory: ChannelDirectory) -> Notification:
    """Return the notification about the budget of an owner, to the owner and the admins."""
    return _build(message, owner, message.code.audience, directory)


def build_project_budget_notifications(
    message: BudgetMessage, owners: Iterable[str], directory: ChannelDirectory
) -> Iterator[Notification]:
    """Yield the notifications about the budget of a project: to the admins, and to owners who have a channel.

    :param owners: those who have instances in the project
    """
    yield _build(message, ADMIN_OWNER, (Audience.ADMIN,), directory)
    for owner in owners:
        if directory.owners.get(owner):
            yield _build(message, owner, (Audience.OWNER,), directory)


def _build(
    message: BudgetMessage, owner: str, audiences: tuple[Audience, ...], directory: ChannelDirectory
) -> Notification:
    reason = EventReason(code=message.code, message=message.text)
    deliveries = build_deliveries(audiences, owner, directory, message.at)
    return build_message(f"{DESK_ID}.{message.key}.{owner}.{audiences[0]}", reason, owner, deliveries, message.at)

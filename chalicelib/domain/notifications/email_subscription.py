"""The state of the subscription of an e-mail address to the SNS topic, and whether mails can be sent to it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.domain.common.deadlines import CONFIRMATION_VALID_FOR


class EmailState(StrEnum):
    """State of the confirmation of an address.

    - `pending`: SNS has sent a mail with a link, which nobody has followed yet
    - `confirmed`: the address gets notifications
    - `expired`: nobody confirmed in time; setting the address again repeats the request
    - `unsubscribed`: it was confirmed, and the topic no longer has its subscription, most often because somebody
      followed the link to unsubscribe; setting the address again repeats the request
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, kw_only=True)
class EmailSubscription:
    """The request for the confirmation of one address.

    :param generation: how often the owner had set the address at that time
    """

    address: str
    generation: int
    state: EmailState
    requested_at: datetime


def update_subscription(subscription: EmailSubscription, listed: EmailState | None, now: datetime) -> EmailSubscription:
    """Return the subscription with its present state.

    :param listed: what SNS shows of the address; None: nothing, as for some moments after the request
    """
    is_expired = now - subscription.requested_at > CONFIRMATION_VALID_FOR
    if listed is EmailState.CONFIRMED:
        return replace(subscription, state=EmailState.CONFIRMED)
    if subscription.state in (EmailState.CONFIRMED, EmailState.UNSUBSCRIBED):
        return replace(subscription, state=EmailState.UNSUBSCRIBED)
    return replace(subscription, state=EmailState.EXPIRED if is_expired else EmailState.PENDING)


def describe_unconfirmed_address(address: str, state: EmailState | None) -> str | None:
    """Return why no mail can be sent to an address, and what to do, as sentences; None if one can be sent.

    :param state: what SNS shows of the address; None: nothing
    """
    match state:
        case EmailState.CONFIRMED:
            return None
        case EmailState.UNSUBSCRIBED:
            return f"{address} is no longer subscribed to these mails. To get them again, set the address again."
        case _:
            return (
                f"{address} is not confirmed. Follow the link in the mail from AWS Notifications first. To get another "
                "mail, set the address again."
            )

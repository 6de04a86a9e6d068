"""Warn a caller that no channel reaches the owner of an instance before a stop."""

from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.notifications.email_subscription import EmailState

CONSEQUENCE = "Only people logged in on the instance will be warned before a stop."


def select_owner_channels(owner_settings: OwnerSettings, settings: DeskSettings) -> Channels:
    """Return the channels that notifications for an owner use: those of the desk if the owner has none."""
    return owner_settings.channels or settings.channels


def warn_if_unset(owner_settings: OwnerSettings, settings: DeskSettings) -> WriteWarning | None:
    """Warn that neither the owner nor the desk has a channel."""
    if select_owner_channels(owner_settings, settings):
        return None
    owner = owner_settings.owner
    message = (
        f"No notification channel is configured for {owner} or the desk. {CONSEQUENCE} "
        f'Set one: PATCH /owners/{owner} {{"channels": {{"email": ...}}}}.'
    )
    return WriteWarning(WarningCode.NO_CHANNEL, message)


def warn_if_unreachable(
    owner_settings: OwnerSettings, settings: DeskSettings, state: EmailState | None
) -> WriteWarning | None:
    """Warn that an e-mail address is the only channel, and that it gets no mail.

    :param state: of the address of `select_owner_channels`; None: there is no address
    """
    channels = select_owner_channels(owner_settings, settings)
    if channels.webhook or not channels.email or state is EmailState.CONFIRMED:
        return None
    owner = owner_settings.owner
    # The address of the desk is shown only to admins.
    address = owner_settings.channels.email
    subject = address or f"The address of the desk, which stands in for {owner},"
    advice = f'PATCH /owners/{owner} {{"channels": {{"email": "{address or "..."}"}}}}.'
    match state:
        case EmailState.UNSUBSCRIBED:
            cause, remedy = "it is no longer subscribed to these mails", "Set it again and confirm it"
        case EmailState.EXPIRED:
            cause, remedy = "nobody confirmed it in time", "Set it again and confirm it"
        case _:
            cause, remedy = (
                "it is not confirmed yet",
                "Follow the link in the mail from AWS Notifications, or set it again",
            )
    if address is None:
        remedy = "Set one of your own"
    message = f"{subject} gets no mail: {cause}. {CONSEQUENCE} {remedy}: {advice}"
    return WriteWarning(WarningCode.NO_CHANNEL, message)

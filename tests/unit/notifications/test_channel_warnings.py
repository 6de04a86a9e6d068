"""The warning that no channel reaches the owner."""

import pytest

from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.notifications.channel_warnings import warn_if_unreachable
from chalicelib.domain.notifications.email_subscription import EmailState

ADDRESS = "ada@example.org"
HOOK = "https://hooks.example.org/gpu"
ADVICE = 'PATCH /owners/ada {"channels": {"email": "ada@example.org"}}.'


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            EmailState.UNSUBSCRIBED,
            f"it is no longer subscribed to these mails. {{}} Set it again and confirm it: {ADVICE}",
        ),
        (EmailState.EXPIRED, f"nobody confirmed it in time. {{}} Set it again and confirm it: {ADVICE}"),
        (EmailState.PENDING, "it is not confirmed yet. {} Follow the link in the mail from AWS Notifications, or"),
    ],
)
def test_address_without_mail_and_without_a_webhook_is_a_warning(state: EmailState, words: str) -> None:
    owner = OwnerSettings(owner="ada", channels=Channels(email=ADDRESS))
    warning = warn_if_unreachable(owner, DeskSettings(), state)
    assert warning is not None
    assert warning.code == "no_channel"
    expected = words.replace("{}", "Only people logged in on the instance will be warned before a stop.", 1)
    assert f"{ADDRESS} gets no mail: {expected}" in warning.message


def test_address_of_the_desk_is_not_named() -> None:
    desk = DeskSettings(channels=Channels(email="root@example.org"))
    warning = warn_if_unreachable(OwnerSettings(owner="ada"), desk, EmailState.EXPIRED)
    assert warning is not None
    assert "root@example.org" not in warning.message
    assert 'Set one of your own: PATCH /owners/ada {"channels": {"email": "..."}}.' in warning.message


@pytest.mark.parametrize(
    ("channels", "state"),
    [
        (Channels(email=ADDRESS), EmailState.CONFIRMED),
        (Channels(email=ADDRESS, webhook=HOOK), EmailState.EXPIRED),
        (Channels(), None),
    ],
)
def test_owner_who_can_be_reached_gets_no_warning(channels: Channels, state: EmailState | None) -> None:
    assert warn_if_unreachable(OwnerSettings(owner="ada", channels=channels), DeskSettings(), state) is None

"""Define the notification channels, validate their addresses, and find the channels of a recipient."""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.event_codes import Audience

EMAIL_PATTERN = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
MAX_URL_LENGTH = 500
HOST_PATTERN = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The notification channels of an owner, or of the admins. The timeline and the API are not channels.

    :param email: an address that SNS sends to, once it is confirmed
    :param email_generation: how often an address was set; setting it again sends a new request for confirmation,
        because the old one expires after some days
    :param webhook: an https URL that accepts signed messages (https://www.standardwebhooks.com)
    :param webhook_generation: the number from which the secret of the webhook is derived; a new number makes a new
        secret
    """

    email: str | None = None
    email_generation: int = 0
    webhook: str | None = None
    webhook_generation: int = 0

    def __bool__(self) -> bool:
        """Return whether a channel is set."""
        return bool(self.email or self.webhook)


def validate_channels(channels: Channels, *, allow_private: bool) -> Iterator[FieldError]:
    """Yield an error for each address that is not valid.

    :param allow_private: allow http and local hosts, for the local cloud
    """
    if channels.email is not None and not (EMAIL_PATTERN.fullmatch(channels.email) and len(channels.email) <= 254):
        yield FieldError("channels.email", "must be an e-mail address such as ada@example.org")
    if channels.webhook is not None:
        problem = _find_url_problem(channels.webhook, allow_private=allow_private)
        if problem:
            yield FieldError("channels.webhook", f"must be a URL such as https://hooks.example.org/gpu; {problem}")


def _find_url_problem(url: str, *, allow_private: bool) -> str | None:
    if len(url) > MAX_URL_LENGTH or not re.fullmatch(r"[\x21-\x7e]+", url):
        return f"it must have no spaces or control characters, and at most {MAX_URL_LENGTH} characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "this one is not a valid URL"
    if parts.scheme not in (("https", "http") if allow_private else ("https",)) or not host:
        return "it must begin with https:// and a host name"
    if parts.username or parts.password:
        return "it must not contain a user name or a password"
    if not allow_private and (_is_ip_address(host) or not HOST_PATTERN.fullmatch(host)):
        return f"{host[:60]} is not a public host name"
    return None


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


DESK_RECIPIENT = "desk"
OWNER_PREFIX = "owner/"


@dataclass(frozen=True)
class Recipient:
    """An owner or the admins, with their channels.

    :param name: "owner/NAME" or "desk"; the secret of the webhook is derived from it
    """

    name: str
    channels: Channels

    @classmethod
    def of_owner(cls, owner: str, channels: Channels) -> Self:
        """Return an owner with the owner's own channels."""
        return cls(f"{OWNER_PREFIX}{owner}", channels)

    @classmethod
    def of_desk(cls, channels: Channels) -> Self:
        """Return the admins."""
        return cls(DESK_RECIPIENT, channels)

    @property
    def owner(self) -> str | None:
        """The owner; None for the admins."""
        return None if self.name == DESK_RECIPIENT else self.name.removeprefix(OWNER_PREFIX)


@dataclass(frozen=True)
class ChannelDirectory:
    """The channels of all recipients.

    :param owners: the channels of the owners who have settings, by owner
    :param admin: the channels of the desk, which reach the admins
    """

    owners: Mapping[str, Channels] = field(default_factory=dict)
    admin: Channels = Channels()

    def get_recipient(self, audience: Audience, owner: str) -> Recipient:
        """Return the recipient of a notification.

        An owner without a channel is reached by the channels of the desk, so that somebody is notified.
        """
        channels = self.owners.get(owner)
        if audience is Audience.OWNER and channels:
            return Recipient.of_owner(owner, channels)
        return Recipient.of_desk(self.admin)

    def group_by_email(self) -> Mapping[tuple[str, int], Sequence[Recipient]]:
        """Return the recipients by e-mail address and generation. Each pair gets one request for confirmation."""
        owners = [Recipient.of_owner(owner, channels) for owner, channels in self.owners.items()]
        groups: dict[tuple[str, int], list[Recipient]] = {}
        for recipient in (*owners, Recipient.of_desk(self.admin)):
            channels = recipient.channels
            if channels.email:
                groups.setdefault((channels.email, channels.email_generation), []).append(recipient)
        return groups

    def can_notify(self, owner: str) -> bool:
        """Return whether a channel is set that reaches the owner, or else the admins."""
        return bool(self.get_recipient(Audience.OWNER, owner).channels)

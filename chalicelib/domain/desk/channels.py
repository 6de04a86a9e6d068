"""Where somebody is told of warnings, and what is wrong with an address."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.event_codes import Audience

EMAIL_PATTERN = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
MAX_URL_LENGTH = 500
HOST_PATTERN = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Where somebody is told of warnings. The timeline and the API are a record, no channel.

    :param email: by SNS, once the address has been confirmed
    :param email_generation: counts how often one was set: an invitation that nobody followed ends after some days
    :param webhook: an https URL that takes signed messages (https://www.standardwebhooks.com)
    :param webhook_generation: counts the keys that its secret was made of; another one is another secret
    """

    email: str | None = None
    email_generation: int = 0
    webhook: str | None = None
    webhook_generation: int = 0

    def __bool__(self) -> bool:
        return bool(self.email or self.webhook)


def validate_channels(channels: Channels, *, may_be_local: bool) -> Iterator[FieldError]:
    """What is wrong with the addresses.

    :param may_be_local: whether plain http and any host are allowed, for trying out
    """
    if channels.email is not None and not (EMAIL_PATTERN.fullmatch(channels.email) and len(channels.email) <= 254):
        yield FieldError("channels.email", "must be an e-mail address such as ada@example.org")
    if channels.webhook is not None:
        problem = _find_url_problem(channels.webhook, may_be_local=may_be_local)
        if problem:
            yield FieldError("channels.webhook", f"must be a URL such as https://hooks.example.org/gpu: {problem}")


def _find_url_problem(url: str, *, may_be_local: bool) -> str | None:
    if len(url) > MAX_URL_LENGTH or not re.fullmatch(r"[\x21-\x7e]+", url):
        return f"it has spaces, control characters, or more than {MAX_URL_LENGTH} characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "it cannot be read"
    if parts.scheme not in (("https", "http") if may_be_local else ("https",)) or not host:
        return "it does not begin with https:// and a host name"
    if parts.username or parts.password:
        return "it must not hold a user name or password"
    if not may_be_local and (_is_ip_address(host) or not HOST_PATTERN.fullmatch(host)):
        return f"{host[:60]} is no public host name"
    return None


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Recipient:
    """Somebody's channels.

    :param name: whose they are; the secret of the webhook is made of it
    """

    name: str
    channels: Channels


@dataclass(frozen=True)
class ChannelDirectory:
    """Who can be told by what.

    :param owners: the channels of those who have set any
    :param admin: the desk's own
    """

    owners: Mapping[str, Channels] = field(default_factory=dict)
    admin: Channels = Channels()

    def get_recipient(self, audience: Audience, owner: str) -> Recipient:
        """An owner who has set no channel is told by the desk's: somebody hears of it."""
        own = self.owners.get(owner)
        if audience is Audience.OWNER and own:
            return Recipient(f"owner/{owner}", own)
        return Recipient("desk", self.admin)

    def list_email_addresses(self) -> frozenset[tuple[str, int]]:
        """Every address that is set, and how often it was: whoever sets it again is asked for consent again."""
        return frozenset(
            (each.email, each.email_generation) for each in (*self.owners.values(), self.admin) if each.email
        )

    def can_notify(self, owner: str) -> bool:
        """Whether a warning of this owner's instances can be delivered at all."""
        return bool(self.get_recipient(Audience.OWNER, owner).channels)

"""What is set for one owner: a policy of their own within the desk's ceilings, and where they are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Channels:
    """Where somebody is told of warnings. The timeline and the API are a record, no channel.

    :param email: by SNS, once the address has been confirmed
    :param webhook: an https URL that takes signed messages (https://www.standardwebhooks.com)
    :param webhook_key: counts the keys that its secret was made of; another one is another secret
    """

    email: str | None = None
    webhook: str | None = None
    webhook_key: int = 0

    def __bool__(self) -> bool:
        return bool(self.email or self.webhook)


@dataclass(frozen=True, kw_only=True)
class PolicyAsk:
    """A policy as somebody said it; None is "as it is otherwise": the instance's, the owner's, the desk's.

    :param signals: those of SIGNALS that count
    :param thresholds: fields of Thresholds that are named
    """

    idle_minutes: int | None = None
    warning_minutes: int | None = None
    signals: tuple[str, ...] | None = None
    thresholds: Mapping[str, int] = field(default_factory=dict)
    max_hours: int | None = None


@dataclass(frozen=True, kw_only=True)
class OwnerSettings:
    """As `GET /owners/{owner}` shows them; an owner of whom nothing is set has the desk's."""

    owner: str
    policy: PolicyAsk = PolicyAsk()
    channels: Channels = Channels()
    version: int | None = None

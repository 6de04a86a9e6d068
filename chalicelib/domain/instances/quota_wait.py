"""A launch that waits for a quota: what its record holds, and what is observed of the quota."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class QuotaWait:
    """The wait of a launch for a quota. Its offers can use several quotas; it waits for any of them.

    :param since: when it began
    :param refused_at: when EC2 last refused the launch for its quotas. A reading from before then does not count.
    :param refusal: what EC2 said then about the first of them, as sentences
    :param is_over: gpudesk has gone on with the launch
    :param try_count: how often it has
    :param exceeded: keys of the quotas that gpudesk has known to be exceeded since that refusal
    :param declined_requests: the requests to increase a quota that AWS declined and that the owner was notified of
    """

    since: datetime
    refused_at: datetime | None = None
    refusal: str | None = None
    is_over: bool = False
    try_count: int = 0
    exceeded: tuple[str, ...] = ()
    declined_requests: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ObservedQuota:
    """One quota of a launch, as it was observed.

    :param key: identifies the quota, see `build_quota_key`
    :param fits: whether the launch fits into what is free; None: unknown
    :param need: which quota the type needs and how much of it, as a sentence
    :param message: the quota, its use and the need, as a sentence
    :param last_reading: limit and use as they were last read, as a sentence, for a launch that EC2 refuses
    :param read_at: when the quota was read; None: never
    :param request: what became of the last request to increase it, as a sentence
    :param is_requested: there is such a request
    :param declined_request: identifies that request if AWS declined it; None: it did not
    """

    key: str
    fits: bool | None
    need: str
    message: str
    last_reading: str
    read_at: datetime | None
    request: str
    is_requested: bool = False
    declined_request: str | None = None


def build_quota_key(region: str, code: str | None) -> str:
    """Return what tells a quota from those of other regions and types.

    :param code: None: it is unknown
    """
    return f"{region}/{code or 'unknown'}"

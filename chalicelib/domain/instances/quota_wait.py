"""A launch that waits for a quota: what its record holds, and what is observed of the quota."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class QuotaWait:
    """The wait of a launch for a quota.

    :param since: when it began
    :param refused_at: when EC2 last refused the launch for the quota. A reading from before then does not count.
    :param refusal: what EC2 said then, as sentences
    :param is_over: gpudesk has gone on with the launch
    :param try_count: how often it has
    :param declined_request: the request to increase the quota that AWS declined and that the owner was notified of
    """

    since: datetime
    refused_at: datetime | None = None
    refusal: str | None = None
    is_over: bool = False
    try_count: int = 0
    declined_request: str | None = None


@dataclass(frozen=True, kw_only=True)
class ObservedQuota:
    """The quota of a launch, as it was observed.

    :param fits: whether the launch fits into what is free; None: unknown
    :param message: the quota, its use and the need, as a sentence
    :param last_reading: limit and use as they were last read, as a sentence, for a launch that EC2 refuses
    :param read_at: when the quota was read; None: never
    :param request: what became of the last request to increase it, as a sentence
    :param declined_request: identifies that request if AWS declined it; None: it did not
    """

    fits: bool | None
    message: str
    last_reading: str
    read_at: datetime | None
    request: str
    declined_request: str | None = None

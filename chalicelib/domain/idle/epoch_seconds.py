"""Convert times to whole seconds since 1970, the form of all times in the heartbeat item, and back."""

import math
from datetime import UTC, datetime


def to_epoch_seconds(at: datetime) -> int:
    """Return seconds since 1970, rounded up.

    Rounding in one direction keeps the order of times. Rounding up makes no quiet time longer than it was, and ends
    neither a keep nor a warning period early.
    """
    return math.ceil(at.timestamp())


def from_epoch_seconds(seconds: int) -> datetime:
    """Return the time, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)

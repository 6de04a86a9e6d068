"""Build the texts that people read: lists, plurals, durations and times.

The probe carries this module to the instance, so it imports nothing but the standard library. Money is in `money.py`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta


def join_and(items: Iterable[object]) -> str:
    """Join items as in "1, 4 and 8"."""
    return _join(items, " and ")


def join_or(items: Iterable[object]) -> str:
    """Join items as in "1, 4 or 8"."""
    return _join(items, " or ")


def pluralize(count: int, noun: str) -> str:
    """Return the count and its noun: "1 hour", "2 hours"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def format_duration(duration: timedelta) -> str:
    """Return a duration, rounded down: "45 s", "15 min", "2 h", "2 h 05 min". Up to two minutes stay in seconds."""
    seconds = int(duration.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    if hours < 2:
        return f"{hours * 60 + minutes} min"
    return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"


def format_age(age: timedelta) -> str:
    """Return how long ago something was: "20 min ago", "5 days ago" from two days on."""
    age = max(age, timedelta(0))
    return f"{age.days} days ago" if age.days >= 2 else f"{format_duration(age)} ago"


def format_time(at: datetime) -> str:
    """Return the time of day: "14:10 UTC"."""
    return f"{at:%H:%M} UTC"


def format_date_time(at: datetime) -> str:
    """Return date and time: "2026-11-28 14:10 UTC"."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def format_timestamp(at: datetime) -> str:
    """Return an ISO 8601 timestamp in UTC, to the second: "2026-11-28T14:10:00Z"."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ensure_period(text: str) -> str:
    """Return `text` with a final period, unless it ends with one, a question mark or an exclamation mark."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def format_message(text: str) -> str:
    """Return `text` with a capital first letter and a final period."""
    return ensure_period(text[:1].upper() + text[1:])


def _join(items: Iterable[object], last: str) -> str:
    *rest, end = map(str, items)
    return f"{', '.join(rest)}{last}{end}" if rest else end

"""Times and durations on the command line."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

DURATION_PATTERN = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[mhd])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
MAX_DURATION = timedelta(days=365)

DURATION_HELP = "must be a number and m, h or d, such as 90m, 4h or 2d, at most 365d"
TIME_HELP = "must be a time with a time zone, such as 2026-11-24T18:00Z"


def parse_time(text: str) -> datetime:
    """Return a time in UTC.

    :raises argparse.ArgumentTypeError: the text is not a time, or has no time zone
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r} {TIME_HELP}")


def parse_duration(text: str) -> timedelta:
    """Return a duration.

    :raises argparse.ArgumentTypeError: the text is not a duration, or not in the range above 0 to 365 days
    """
    parts = DURATION_PATTERN.fullmatch(text)
    try:
        duration = float(parts["number"]) * UNITS[parts["unit"]] if parts else timedelta(0)
    except OverflowError:
        duration = timedelta.max
    if not timedelta(0) < duration <= MAX_DURATION:
        raise argparse.ArgumentTypeError(f"{text!r} {DURATION_HELP}")
    return duration

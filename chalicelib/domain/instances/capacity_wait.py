"""The wait for capacity that a launch or a start can request with `wait_until`: its longest time, and its check."""

from datetime import datetime

from chalicelib.domain.common.deadlines import MAX_CAPACITY_WAIT
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.text import format_timestamp, pluralize

MAX_WAIT_TEXT = pluralize(MAX_CAPACITY_WAIT.days, "day")

WAIT_UNTIL_DESCRIPTION = f"a time with its zone, at most {MAX_WAIT_TEXT} from now, e.g. 2026-11-23T18:00:00Z"


def check_wait_until(until: datetime | None, now: datetime) -> list[FieldError]:
    """Return why a launch or a start cannot wait for capacity until a time; nothing if it can."""
    latest = now + MAX_CAPACITY_WAIT
    if until is None or now < until <= latest:
        return []
    limit = f"must be in the future and at most {format_timestamp(latest)} ({MAX_WAIT_TEXT} from now)"
    return [FieldError("wait_until", f"{limit}, not {format_timestamp(until)}")]

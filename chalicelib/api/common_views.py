"""Shared parts of answers: pages, reasons, warnings and formats.

In all views times are UTC, money is US dollars as decimal strings, and null means unknown or not set.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import EventCodeText, WarningCodeText
from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.common.write_warnings import WriteWarning

T = TypeVar("T")


class PageView(TypedDict, Generic[T]):
    """One page of a list. `next_cursor`: send it as `cursor` to get the next page; null on the last page."""

    items: list[T]
    next_cursor: str | None


class ReasonView(TypedDict):
    """A reason: a code for programs, a message for people."""

    code: EventCodeText
    message: str


def to_reason_view(reason: Reason) -> ReasonView:
    """Return the view of a reason."""
    return {"code": str(reason.code), "message": reason.message}


class WriteWarningView(TypedDict):
    """A remark on a write that succeeded: a code for programs, a message for people."""

    code: WarningCodeText
    message: str


def to_warnings_view(*warnings: WriteWarning | None) -> list[WriteWarningView]:
    """Return the warnings of an answer, without those that are None."""
    return [{"code": str(warning.code), "message": warning.message} for warning in warnings if warning]


def format_optional_timestamp(at: datetime | None) -> str | None:
    """Return the formatted time, or None if it is unknown."""
    return format_timestamp(at) if at else None


def round_seconds(duration: timedelta | None) -> int | None:
    """Return the duration in whole seconds, or None if it is unknown."""
    return round(duration.total_seconds()) if duration is not None else None


def format_decimal(amount: Decimal) -> str:
    """Return the amount as a decimal number, never with an exponent."""
    return format(amount, "f")

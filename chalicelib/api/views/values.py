"""Parts of all views: times, money, reasons, warnings, pages."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from typing_extensions import TypedDict

from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.write_warnings import WriteWarning

T = TypeVar("T")


class PageView(TypedDict, Generic[T]):
    """One page of a list; `next_cursor` requests the next page, null on the last one."""

    items: list[T]
    next_cursor: str | None


class ReasonView(TypedDict):
    """Why something is so: a code for programs, a message for people."""

    code: str
    message: str


def to_reason_view(reason: Reason) -> ReasonView:
    """A reason."""
    return {"code": str(reason.code), "message": reason.message}


class WriteWarningView(TypedDict):
    """What to know about a write that succeeded: a code for programs, a message for people."""

    code: str
    message: str


def to_warnings_view(*warnings: WriteWarning | None) -> list[WriteWarningView]:
    """Return the warnings of an answer, without those that are None."""
    return [{"code": str(warning.code), "message": warning.message} for warning in warnings if warning]


def format_optional_timestamp(at: datetime | None) -> str | None:
    """Return an ISO 8601 timestamp in UTC; None stays None."""
    return format_timestamp(at) if at else None


def round_seconds(took: timedelta | None) -> int | None:
    """Whole seconds."""
    return round(took.total_seconds()) if took is not None else None


def format_usd(amount: Decimal) -> str:
    """Without an exponent, however small."""
    return format(amount, "f")

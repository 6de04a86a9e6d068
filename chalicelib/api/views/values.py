"""What every view is made of: moments, money, reasons, pages."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from typing_extensions import TypedDict

from chalicelib.domain.reason import Reason

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """Some of a list; `next_cursor` is where it goes on, null at its end."""

    items: list[T]
    next_cursor: str | None


class ReasonView(TypedDict):
    """Why: a code for programs, a sentence for people."""

    code: str
    sentence: str


def reason_view(reason: Reason) -> ReasonView:
    """A reason."""
    return {"code": str(reason.code), "sentence": reason.sentence}


def moment(at: datetime) -> str:
    """ISO 8601, UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_or_none(at: datetime | None) -> str | None:
    """The same of what may not be known."""
    return moment(at) if at else None


def seconds_or_none(took: timedelta | None) -> int | None:
    """Whole seconds."""
    return round(took.total_seconds()) if took is not None else None


def dollars(amount: Decimal) -> str:
    """Without an exponent, however small."""
    return format(amount, "f")

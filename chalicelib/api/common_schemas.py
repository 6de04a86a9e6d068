"""Schemas that several resources share: the base of request models, common queries, pages, reasons and warnings.

In all views times are UTC, money is US dollars as decimal strings, and null means unknown or not set.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.api.code_schemas import EventCodeText, WarningCodeText
from chalicelib.domain.common.reason import Reason
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.common.write_warnings import WriteWarning

T = TypeVar("T")

OWNER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"
OWNER_CHARACTERS = "1 to 64 letters, digits and . _ @ + -"
OWNER_DESCRIPTION = f"the name of an owner: {OWNER_CHARACTERS}"


def _require_value(value: Any) -> Any:
    if value is None:
        raise ValueError("null is not allowed")
    return value


RejectNull = BeforeValidator(_require_value)
"""Marks a field that a request can leave out but not set to null."""


def _parse_time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("not a text")
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("the time has no zone")
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is before year 1 or after year 9999 in UTC") from error


Time = Annotated[datetime, BeforeValidator(_parse_time)]
"""A time with its zone, as ISO 8601 text. The value is in UTC."""


class RequestModel(BaseModel):
    """The base of all bodies and queries.

    Values are not converted: the text "64" is not accepted as a number. Unknown fields are errors. The description of a
    field completes the sentence "must be ...", because error messages are built from it.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class EmptyModel(RequestModel):
    """A body or query without fields."""


class OwnerQuery(RequestModel):
    """The query of every route: the owner for whom an admin or a bot acts."""

    owner: str | None = Field(
        None,
        pattern=OWNER_PATTERN,
        description=f"the name of the owner for whom an admin or a bot acts: {OWNER_CHARACTERS}",
    )


def _parse_whole_number(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("not a whole number")
    return int(value)


class PageQuery(OwnerQuery):
    """The query of a list: one page of it."""

    limit: Annotated[int, BeforeValidator(_parse_whole_number)] = Field(
        50, ge=1, le=100, description="a whole number from 1 to 100, e.g. 50"
    )
    cursor: str | None = Field(
        None, min_length=1, max_length=1000, description="the next_cursor of an earlier answer to the same list"
    )


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

"""Shared parts of requests: the base of bodies and queries, types of fields, and the queries of lists."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from chalicelib.domain.common.visible_text import is_visible

OWNER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"
OWNER_CHARACTERS = "1 to 64 letters, digits and . _ @ + -, beginning with a letter or digit"
OWNER_DESCRIPTION = f"the name of an owner: {OWNER_CHARACTERS}"

EC2_ID_PATTERN = r"^i-[0-9a-f]{8,17}$"
EC2_ID_DESCRIPTION = "the id of an EC2 instance, e.g. i-0a1b2c3d4e5f67890"


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


DOLLARS_PATTERN = r"^[0-9]{1,6}(\.[0-9]{1,6})?$"


def _parse_dollars(value: Any) -> Decimal:
    if not isinstance(value, str) or not re.fullmatch(DOLLARS_PATTERN, value):
        raise ValueError("not an amount")
    return Decimal(value)


Dollars = Annotated[
    Decimal, BeforeValidator(_parse_dollars), WithJsonSchema({"type": "string", "pattern": DOLLARS_PATTERN})
]
"""An amount of US dollars as text."""


INVISIBLE_ERROR = "invisible_characters"


def _is_visible_value(value: Any) -> bool:
    """Return whether a reader sees every character of a text, or of the texts in a list or an object.

    No field holds texts deeper inside: other validators reject such values.
    """
    texts = value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else [value]
    return all(is_visible(text) for text in texts if isinstance(text, str))


def _has_model(annotation: Any) -> bool:
    """Return whether a field holds an object with a model, which checks its own fields and names the wrong one."""
    return any(
        isinstance(part, type) and issubclass(part, RequestModel) for part in (annotation, *get_args(annotation))
    )


def _remove_unaccepted_null(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Remove null from the JSON schema of each field that can be left out, but not set to null, as in every query."""
    for name, info in model.model_fields.items():
        if RejectNull not in info.metadata and not issubclass(model, OwnerQuery):
            continue
        field = schema["properties"][name]
        choices = [choice for choice in field.pop("anyOf", [{}]) if choice != {"type": "null"}]
        if field.get("default", "") is None:
            del field["default"]
        field |= choices[0] if len(choices) == 1 else {"anyOf": choices}


class RequestModel(BaseModel):
    """The base of all bodies and queries.

    Values are not converted: the text "64" is not accepted as a number. Unknown fields are errors, and so are control
    characters and invisible ones in a text. The description of a field completes the sentence "must be ...", because
    error messages are built from it.

    :cvar multiline_fields: fields that check their characters themselves
    :cvar documentation: what lists all fields; empty: an error names all of them
    :cvar ignored_fields: accepted fields without an effect, which no error suggests
    """

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, defer_build=True, json_schema_extra=_remove_unaccepted_null
    )
    multiline_fields: ClassVar[frozenset[str]] = frozenset()
    documentation: ClassVar[str] = "GET /openapi.json"
    ignored_fields: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _reject_invisible_characters(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        is_checked_elsewhere = name in cls.multiline_fields or _has_model(cls.model_fields[name].annotation)
        if not is_checked_elsewhere and not _is_visible_value(value):
            raise PydanticCustomError(INVISIBLE_ERROR, "must not contain control characters or invisible ones")
        return value


UsdText = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$")]
"""US dollars as a decimal text with at most two decimals."""


class EmptyModel(RequestModel):
    """A body or query without fields."""


class OwnerQuery(RequestModel):
    """The query of every route: the owner for whom an admin or a bot acts."""

    owner: str | None = Field(
        None,
        pattern=OWNER_PATTERN,
        description=f"the name of the owner for whom an admin or a bot acts: {OWNER_CHARACTERS}",
    )


def parse_whole_number(value: Any) -> int:
    """Return a whole number of a query.

    :raises ValueError: the value is not a text of 1 to 9 digits
    """
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("not a whole number")
    return int(value)


class PageQuery(OwnerQuery):
    """The query of a list: one page of it."""

    limit: Annotated[int, BeforeValidator(parse_whole_number)] = Field(
        50, ge=1, le=100, description="a whole number from 1 to 100, e.g. 50"
    )
    cursor: str | None = Field(
        None, min_length=1, max_length=1000, description="the next_cursor of an earlier answer to the same list"
    )

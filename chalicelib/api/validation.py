"""What is wrong with a request, field by field, and what would be right: pydantic's findings in people's words.

A form's fields describe what is right as the end of the sentence "must be ..." (`description=`).
"""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from chalicelib.domain.common.errors import FieldError, ValidationFailed

F = TypeVar("F", bound=BaseModel)

MAX_NAME_LENGTH = 60
MAX_VALUE_LENGTH = 40


def validate(form: type[F], given: dict[str, Any], *, what: str = "the request") -> F:
    """The form, filled in.

    :raises Invalid: with everything that is wrong at once
    """
    try:
        return form.model_validate(given)
    except ValidationError as problem:
        errors = tuple(_field_error(form, error) for error in problem.errors(include_url=False))
        names = ", ".join(dict.fromkeys(error.field for error in errors))
        raise ValidationFailed(f"{what} cannot be read as it is: see {names}"[:400], errors=errors) from problem


def _field_error(form: type[BaseModel], error: ErrorDetails) -> FieldError:
    path = [str(part)[:MAX_NAME_LENGTH] for part in error["loc"]]
    return FieldError(".".join(path) or "body", _message(form, error))


def _message(form: type[BaseModel], error: ErrorDetails) -> str:
    within, info = _place(form, error["loc"])
    if error["type"] == "extra_forbidden":
        return _unknown(str(error["loc"][-1]), tuple(within.model_fields))
    if info is None:
        return error["msg"]
    if error["type"] == "missing":
        return f"is missing; it must be {info.description}"
    return f"must be {info.description}, not {_shown(error['input'])}"


def _place(form: type[BaseModel], path: Sequence[int | str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The innermost form on the way, and the field of it that the path leads into."""
    info = None
    for part in path:
        inner = next(_forms_in(info.annotation), None) if info else form
        if inner is None:
            break
        form, info = inner, inner.model_fields.get(str(part))
    return form, info


def _forms_in(annotation: Any) -> Iterator[type[BaseModel]]:
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each


def _unknown(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"unknown field; did you mean {close[0]}?"
    return f"unknown field; there is {', '.join(known)}" if known else "unknown field; none is taken here"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        cut = value if len(value) <= MAX_VALUE_LENGTH else f"{value[:MAX_VALUE_LENGTH]}..."
        return f"the text {json.dumps(cut, ensure_ascii=False)}"
    return json.dumps(value, default=str)[:MAX_VALUE_LENGTH]

"""Parse and validate bodies and queries. An error names every wrong field and the accepted values.

The description of a model's field completes the sentence "must be ...". What follows a semicolon in it is a remark,
which comes after the given value.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args

from chalice.app import MultiDict
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from chalicelib.api.problems import MalformedRequest, PayloadTooLarge, UnsupportedMediaType
from chalicelib.api.request_models import INVISIBLE_ERROR, RequestModel
from chalicelib.domain.common.accepted_values import MAX_NAMED, describe_accepted_values, find_similar_name
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.strict_json import JsonError, parse_json
from chalicelib.domain.common.visible_text import escape_invisible

M = TypeVar("M", bound=BaseModel)

MAX_BODY_BYTES = 16 * 1024
"""Enough for the largest valid request: 40 tags of the maximum length and all other fields."""

MAX_NAME_LENGTH = 60
MAX_VALUE_LENGTH = 40

FieldNoun = Literal["field", "query parameter"]


def parse_body(raw: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON object of a request body; an empty body is an empty object.

    :param headers: a mapping that ignores the case of names
    :raises PayloadTooLarge: the body exceeds MAX_BODY_BYTES
    :raises UnsupportedMediaType: the headers declare something other than JSON in UTF-8
    :raises MalformedRequest: the body is not UTF-8 or not strict JSON
    :raises ValidationFailed: the body is JSON, but not an object
    """
    if len(raw) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"The body has {len(raw)} bytes. The maximum is {MAX_BODY_BYTES}.")
    if not raw.strip():
        return {}
    _check_media_type(headers)
    try:
        value = parse_json(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The body is not UTF-8: byte {error.start + 1} is invalid.") from error
    except JsonError as error:
        raise MalformedRequest(f"The body {str(error)[:200]}.") from error
    if not isinstance(value, dict):
        raise ValidationFailed("The body must be a JSON object.", errors=(FieldError("body", "must be a JSON object"),))
    return value


def _check_media_type(headers: Mapping[str, str]) -> None:
    declared = headers.get("content-type", "application/json")
    media_type, *parameters = (part.strip().lower() for part in declared.split(";"))
    charsets = [part.partition("=")[2].strip('" ') for part in parameters if part.startswith("charset=")]
    if media_type != "application/json" or any(charset not in ("utf-8", "utf8", "us-ascii") for charset in charsets):
        raise UnsupportedMediaType(
            f"The body must be JSON in UTF-8, not {declared[:80]}. Send 'Content-Type: application/json'."
        )
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaType(f"The body must not be encoded with {encoding[:40]}. Send it without encoding.")


def parse_query(parameters: MultiDict | None) -> dict[str, Any]:
    """Return the query as a value for each name.

    :raises ValidationFailed: a name is given more than once
    """
    values = {str(name): parameters.getlist(name) for name in parameters} if parameters is not None else {}
    repeated = [escape_invisible(name[:MAX_NAME_LENGTH]) for name, given in values.items() if len(given) > 1]
    if repeated:
        errors = tuple(FieldError(name, "must not be given more than once") for name in repeated)
        raise ValidationFailed(_summarize(repeated, "query parameter"), errors=errors)
    return {name: given[0] for name, given in values.items()}


def validate(model: type[M], values: dict[str, Any], *, noun: FieldNoun = "field") -> M:
    """Return the model with the values of a request.

    :param noun: what the error message calls a value
    :raises ValidationFailed: one or more values are wrong; the error names all of them
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = tuple(_to_field_error(model, details, noun) for details in error.errors(include_url=False))
        names = list(dict.fromkeys(wrong.field for wrong in errors))
        summary = f"The body {errors[0].message}." if names == ["body"] else _summarize(names, noun)
        raise ValidationFailed(summary, errors=errors) from error


def _summarize(names: Sequence[str], noun: FieldNoun) -> str:
    count = f"1 {noun} is" if len(names) == 1 else f"{len(names)} {noun}s are"
    return f"{count} invalid: {', '.join(names)}"[:400] + "."


def _to_field_error(model: type[BaseModel], details: ErrorDetails, noun: FieldNoun) -> FieldError:
    path = [escape_invisible(str(part)[:MAX_NAME_LENGTH]) for part in details["loc"]]
    return FieldError(".".join(path) or "body", _explain(model, details, noun))


def _explain(model: type[BaseModel], details: ErrorDetails, noun: FieldNoun) -> str:
    parent, path, info = _find_field(model, details["loc"])
    if details["type"] == "extra_forbidden":
        documentation = parent.documentation if issubclass(parent, RequestModel) else ""
        return _explain_unknown_field(str(details["loc"][-1]), tuple(_list_fields(parent)), noun, documentation)
    if info is None or details["type"] == INVISIBLE_ERROR:
        return details["msg"]
    if details["type"] == "missing":
        return f"is required: {info.description}"
    value = _describe_value(details["input"])
    if len(path) < len(details["loc"]):
        return f"must not be {value}; {path[-1]} must be {info.description}"
    accepted, separator, remark = (info.description or "").partition("; ")
    return f"must be {accepted}, not {value}{separator}{remark}"


def _list_fields(model: type[BaseModel]) -> list[str]:
    """Return the names of the fields that have an effect, those of the model itself before inherited ones."""
    ignored = model.ignored_fields if issubclass(model, RequestModel) else frozenset()
    fields = sorted(model.model_fields, key=lambda name: name not in model.__annotations__)
    return [name for name in fields if name not in ignored]


def _find_field(
    model: type[BaseModel], path: Sequence[int | str]
) -> tuple[type[BaseModel], Sequence[int | str], FieldInfo | None]:
    """Return the innermost model on the path, the path of its field that contains the value, and that field.

    A value in a list or in an object without a model, such as a tag, has no field of its own.
    """
    info = None
    for depth, part in enumerate(path):
        inner = next(_list_models(info.annotation), None) if info else model
        if inner is None:
            return model, path[:depth], info
        model, info = inner, inner.model_fields.get(str(part))
    return model, path, info


def _list_models(annotation: Any) -> Iterator[type[BaseModel]]:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            yield candidate


def _explain_unknown_field(name: str, known: tuple[str, ...], noun: FieldNoun, documentation: str) -> str:
    close = find_similar_name(name, known)
    if close:
        return f"unknown {noun}; did you mean {close}?"
    if not known:
        return f"unknown {noun}; this request has no {noun}s"
    if len(known) <= MAX_NAMED or not documentation:
        return f"unknown {noun}; known: {', '.join(known)}"
    return f"unknown {noun}; known: {describe_accepted_values(known)} ({documentation})"


def _describe_value(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        return f"the text {escape_invisible(json.dumps(_shorten(value), ensure_ascii=False))}"
    return _shorten(json.dumps(value, default=str))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}..."

"""From the bytes of a body to an object, or to a refusal that says what was wrong with them."""

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from chalicelib.api.problems import MalformedRequest, PayloadTooLarge, UnsupportedMediaType
from chalicelib.domain.common.errors import FieldError, ValidationFailed

MAX_BYTES = 16 * 1024
"""Forty tags of the greatest length, and some."""


def parse_object(raw: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object that a body holds; an empty body is an empty object.

    :param headers: names in any case
    :raises TooLarge: before it is looked at
    :raises WrongMediaType: declared as something other than JSON in UTF-8
    :raises Unreadable: it is not JSON: RFC 8259, no name twice, numbers that are finite, whole characters
    :raises Invalid: it is JSON, but no object
    """
    if len(raw) > MAX_BYTES:
        raise PayloadTooLarge(f"the body has {len(raw)} bytes; {MAX_BYTES} are enough for every request")
    if not raw.strip():
        return {}
    _check_media_type(headers)
    parsed = _parse(raw)
    if not isinstance(parsed, dict):
        raise ValidationFailed("the body must be a JSON object", errors=(FieldError("body", "must be a JSON object"),))
    return parsed


def _check_media_type(headers: Mapping[str, str]) -> None:
    declared = headers.get("content-type", "application/json")
    kind, *parameters = (part.strip().lower() for part in declared.split(";"))
    charsets = [part.partition("=")[2].strip('" ') for part in parameters if part.startswith("charset=")]
    if kind != "application/json" or any(charset not in ("utf-8", "utf8", "us-ascii") for charset in charsets):
        right = "say 'Content-Type: application/json'"
        raise UnsupportedMediaType(f"the body must be JSON in UTF-8 and is declared as {declared[:80]}; {right}")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaType(f"the body must not be encoded, and is {encoding[:40]}")


def _parse(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
        parsed = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
        # a lone surrogate, written as an escape, is a text that nothing downstream could write
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except RecursionError as problem:
        raise MalformedRequest("the body is nested too deeply") from problem
    except UnicodeDecodeError as problem:
        raise MalformedRequest(f"the body is not UTF-8: byte {problem.start} is wrong") from problem
    except UnicodeEncodeError as problem:
        raise MalformedRequest("the body has half a character (a lone surrogate)") from problem
    except ValueError as problem:
        raise MalformedRequest(f"the body is not JSON: {str(problem)[:200]}") from problem
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name[:40]!r} appears twice in one object")
        found[name] = value
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number

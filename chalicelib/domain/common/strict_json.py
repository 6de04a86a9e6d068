"""A strict JSON reader for request bodies and for the files of the replay tool.

It rejects what two readers could understand differently: repeated fields, NaN and Infinity, numbers that are too large.
"""

import json
import math
from typing import Any, NoReturn

MAX_DIGITS = 4000
"""Digits of a whole number. Python reads at most 4,300:
https://docs.python.org/3/library/stdtypes.html#int-max-str-digits"""


SYNTAX_PROBLEMS = {
    "Expecting value": "a value is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting property name enclosed in double quotes": "a field name in double quotes is missing",
    "Illegal trailing comma before end of object": "a comma is superfluous",
    "Illegal trailing comma before end of array": "a comma is superfluous",
    "Unterminated string starting at": "a text has no end",
    "Invalid control character at": "a text has a control character",
    "Invalid \\escape": "a text has an invalid escape sequence",
    "Invalid \\uXXXX escape": "a text has an invalid escape sequence",
    "Extra data": "more text follows the value",
}
"""Problems that Python's reader finds, by its message. Older versions of Python have fewer of them."""


class JsonError(ValueError):
    """The text cannot be read. The message is a predicate without its subject: "is not valid JSON (...)"."""


def parse_json(text: str) -> Any:
    """Return the value of a JSON text (RFC 8259).

    :raises JsonError: the text is not valid JSON or is nested too deeply, repeats a field of an object, or contains a
        number that is too large or an unpaired surrogate
    """
    if text.startswith("\ufeff"):
        raise JsonError("is not valid JSON (it starts with a byte order mark)")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_build_object,
            parse_constant=_reject_constant,
            parse_int=_parse_whole_number,
            parse_float=_parse_number,
        )
        # An escape such as "\ud800" is valid JSON, but no other program can encode the text.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        problem = SYNTAX_PROBLEMS.get(error.msg, "a character is wrong")
        raise JsonError(f"is not valid JSON ({problem}, {where})") from None
    except RecursionError:
        raise JsonError("is nested too deeply") from None
    except UnicodeEncodeError:
        raise JsonError("contains an unpaired surrogate") from None
    return value


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise JsonError(f"repeats the field {json.dumps(name[:60])}")
        fields[name] = value
    return fields


def _reject_constant(name: str) -> NoReturn:
    raise JsonError(f"is not valid JSON ({name} is not a JSON number)")


def _parse_whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise JsonError(f"contains a number of {len(text)} digits; the maximum is {MAX_DIGITS}")
    return int(text)


def _parse_number(text: str) -> float | int:
    """Return 1.0 and 1e3 as whole numbers: JSON and JSON Schema have one type of numbers."""
    value = float(text)
    if math.isinf(value):
        raise JsonError(f"contains a number that is too large ({text[:60]})")
    return int(value) if value.is_integer() else value

"""JSON as its standard has it, read without guessing: what two readers could take for two things is refused."""

import json
import math
from typing import Any, NoReturn

MAX_DIGITS = 4000
"""Of a whole number. Python reads no more than 4,300: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits"""


class JsonError(ValueError):
    """What cannot be read; the message says what is wrong, as a predicate: "is no JSON (...)"."""


def loads(text: str) -> Any:
    """What the text says.

    :raises NotJson: it is no JSON, names a field twice, or has a number that is none or too large
    """
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole_number, parse_float=_number
        )
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise JsonError(f"is no JSON ({error.msg}, {where})") from None
    except RecursionError:
        raise JsonError("is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise JsonError(f"says {json.dumps(name[:60])} twice")
        fields[name] = value
    return fields


def _constant(name: str) -> NoReturn:
    raise JsonError(f"is no JSON ({name} is no number)")


def _whole_number(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise JsonError(f"has a number of {len(text)} digits, which are too many")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise JsonError(f"has a number that is too large ({text[:60]})")
    return value

"""The strict JSON reader: what it accepts, and how it names what it rejects."""

import pytest

from chalicelib.domain.common.strict_json import MAX_DIGITS, JsonError, parse_json


def test_valid_json_is_parsed() -> None:
    text = '{"name": "caf\\u00e9 \\ud83d\\ude00", "numbers": [1, -2.5, 1e3], "none": null}'
    assert parse_json(text) == {"name": "caf\u00e9 \U0001f600", "numbers": [1, -2.5, 1000.0], "none": None}


def test_number_with_the_maximum_of_digits_is_parsed() -> None:
    assert parse_json("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not valid JSON (a value is missing, column 1)"),
        ('{\n"a": }', "is not valid JSON (a value is missing, line 2, column 6)"),
        ('{"a" 1}', "is not valid JSON (a colon is missing, column 6)"),
        ('{"a": 1 "b": 2}', "is not valid JSON (a comma is missing, column 9)"),
        ("{} {}", "is not valid JSON (more text follows the value, column 4)"),
        ('["a', "is not valid JSON (a text has no end, column 2)"),
        ('["\\x"]', "is not valid JSON (a text has an invalid escape sequence, column 3)"),
        ("\ufeff{}", "is not valid JSON (it starts with a byte order mark)"),
        ("NaN", "is not valid JSON (NaN is not a JSON number)"),
        ("[-Infinity]", "is not valid JSON (-Infinity is not a JSON number)"),
        ('{"a": {"b": 1, "b": 1}}', 'repeats the field "b"'),
        ("1e999", "contains a number that is too large (1e999)"),
        ("9" * (MAX_DIGITS + 1), "contains a number of 4001 digits; the maximum is 4000"),
        ('{"a": "\\ud800"}', "contains an unpaired surrogate"),
        ('{"\\udfff": 1}', "contains an unpaired surrogate"),
        ("[" * 100_000, "is nested too deeply"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_text_that_is_not_strict_json_is_rejected_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(JsonError) as error:
        parse_json(text)
    assert str(error.value) == message

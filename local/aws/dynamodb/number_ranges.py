"""Number ranges: DynamoDB refuses numbers that moto stores.

A number has at most 38 significant digits, and its magnitude is 1E-130 to 9.9999999999999999999999999999999999999E+125.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.responses import DynamoHandler

from local.aws.core.patches import Patches

WRITES = ("put_item", "update_item", "batch_write_item", "transact_write_items")

MAX_DIGITS = 38
MAX_EXPONENT, MIN_EXPONENT = 125, -130

_NUMBER_PATTERN = re.compile(r'(?<!\\)"N":\s*"([^"]*)"')
"""A number in the JSON of a request. Only an attribute value has the name N and a text as its value."""


def patch(patches: Patches) -> None:
    """Check the numbers of every write."""
    for name in WRITES:
        patches.wrap(DynamoHandler, name, _check_first)


def check_number(text: str) -> None:
    """Refuse a number that DynamoDB cannot store.

    :raises MockValidationException: the number is too large, too small, too precise, or no number
    """
    if len(text) <= MAX_DIGITS and text.isdecimal() and text.isascii():
        return
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise MockValidationException(f"The parameter cannot be converted to a numeric value: {text}")
    if number and number.adjusted() > MAX_EXPONENT:
        raise MockValidationException(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if number and number.adjusted() < MIN_EXPONENT:
        raise MockValidationException(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(digits) > MAX_DIGITS:
        raise MockValidationException("Attempting to store more than 38 significant digits in a Number")


def _check_first(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def write(handler: Any) -> Any:
        body = handler.raw_body
        for text in _NUMBER_PATTERN.findall(body.decode() if isinstance(body, bytes) else body):
            check_number(text)
        return original(handler)

    return write

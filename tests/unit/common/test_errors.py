"""Errors of AWS as people read them."""

import pytest

from chalicelib.domain.common.aws_errors import PermanentAwsError, TransientAwsError


@pytest.mark.parametrize("message", ["rate exceeded.", "ThrottlingException: rate exceeded"])
def test_description_names_the_code_once(message: str) -> None:
    error = TransientAwsError("ThrottlingException", message)
    assert error.description == "Rate exceeded (ThrottlingException)."
    assert str(error).count("ThrottlingException") == 1


def test_description_of_another_prefix_is_unchanged() -> None:
    assert PermanentAwsError("Unsupported", "g5: not here").description == "G5: not here (Unsupported)."


def test_message_of_aws_holds_no_secret_and_nothing_that_a_terminal_obeys() -> None:
    error = PermanentAwsError("Invalid\x07", "Value\x1b[31m (AKIAIOSFODNN7EXAMPLE)\n is wrong")
    assert error.description == "Value (***) is wrong (Invalid)."
    assert str(error) == "Invalid: Value (***) is wrong"

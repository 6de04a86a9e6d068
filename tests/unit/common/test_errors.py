"""Errors of AWS as people read them."""

import pytest

from chalicelib.domain.common.errors import PermanentAwsError, TransientAwsError


@pytest.mark.parametrize("message", ["rate exceeded.", "ThrottlingException: rate exceeded"])
def test_description_names_the_code_once(message: str) -> None:
    error = TransientAwsError("ThrottlingException", message)
    assert error.description == "Rate exceeded (ThrottlingException)."
    assert str(error).count("ThrottlingException") == 1


def test_description_of_another_prefix_is_unchanged() -> None:
    assert PermanentAwsError("Unsupported", "g5: not here").description == "G5: not here (Unsupported)."

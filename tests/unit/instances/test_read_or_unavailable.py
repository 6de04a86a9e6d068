"""A call that AWS does not answer is an observation, which says whether AWS rejected the call."""

import pytest

from chalicelib.control.loop.read_or_unavailable import read_or_unavailable
from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError, TransientAwsError
from chalicelib.domain.instances.observation import Unavailable


def fail(error: AwsError) -> str:
    raise error


def test_answer_is_returned() -> None:
    assert read_or_unavailable(int, "7", base=8) == 7


@pytest.mark.parametrize(
    ("error", "is_rejected"),
    [
        (TransientAwsError("RequestLimitExceeded", "too many"), False),
        (PermanentAwsError("OptInRequired", "not subscribed"), True),
    ],
)
def test_error_is_an_observation(error: AwsError, is_rejected: bool) -> None:
    assert read_or_unavailable(fail, error) == Unavailable(str(error), is_rejected=is_rejected)


def test_error_of_gpudesk_is_raised() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        read_or_unavailable(int, "seven")

"""Turn an error of AWS into an observation: decisions handle it like every other observation."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError
from chalicelib.domain.instances.observation import Unavailable

P = ParamSpec("P")
T = TypeVar("T")


def read_or_unavailable(read: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | Unavailable:
    """Return the result of a call, or Unavailable if AWS rejected it or did not respond.

    :param read: called with the other arguments
    """
    try:
        return read(*args, **kwargs)
    except AwsError as error:
        return Unavailable(str(error), is_rejected=isinstance(error, PermanentAwsError))

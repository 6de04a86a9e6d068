"""The answer to a request for which AWS did not make a call."""

from chalicelib.domain.common.aws_errors import AwsError, AwsForbidden, TransientAwsError
from chalicelib.domain.common.errors import UpstreamError, UpstreamUnavailable


def to_upstream_error(summary: str, error: AwsError) -> UpstreamError:
    """Return the error of a request that AWS did not let gpudesk fulfill.

    :param summary: what has not happened; begins the message
    """
    message = f"{summary}: {error.description}"
    if isinstance(error, TransientAwsError):
        return UpstreamUnavailable(message)
    if isinstance(error, AwsForbidden):
        message = f"{message} A permission of gpudesk itself is missing. An admin must check its roles."
    return UpstreamError(message)

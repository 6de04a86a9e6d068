"""The AWS account that a command uses: that of the environment's credentials, or the local cloud.

`make ... LOCAL=URL` sets AWS_ENDPOINT_URL to the local cloud.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
)
from pynamodb.exceptions import PynamoDBException

from chalicelib.domain.common.untrusted_text import strip_control_characters

EXAMPLE_URL = "http://127.0.0.1:4566"
USAGE_ERROR = 2
"""Exit status if an argument is invalid or AWS cannot be used."""


def fail(message: str) -> NoReturn:
    """Print the message to standard error and exit with status 2."""
    sys.stderr.write(f"{strip_control_characters(message)}\n")
    raise SystemExit(USAGE_ERROR)


@contextmanager
def exit_on_aws_errors(command: str) -> Iterator[None]:
    """Exit with status 2 and one line of text if AWS rejects a call inside, or cannot be called.

    :param command: the command that the user ran, such as `make preview`
    """
    try:
        yield
    except (BotoCoreError, ClientError, PynamoDBException) as error:
        fail(_describe_error(_find_cause(error), command))


def describe_missing_cloud(endpoint: str) -> str:
    """Return the message that no local cloud answers at this URL."""
    return (
        f"No local cloud answers at {endpoint}. Start one with make run, or set LOCAL to the URL that make run prints."
    )


def _find_cause(error: BaseException) -> BaseException:
    """Return the error of the SDK that PynamoDB wraps."""
    while isinstance(error, PynamoDBException) and error.cause:
        error = error.cause
    return error


def _describe_error(error: BaseException, command: str) -> str:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return (
                f"There are no AWS credentials. For the local cloud, run: {command} LOCAL={EXAMPLE_URL}. For an AWS "
                "account, set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        case EndpointConnectionError() if endpoint:
            return describe_missing_cloud(endpoint)
        case ClientError():
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code == "ResourceNotFoundException":
                message = "A table of gpudesk does not exist. Check the account, the region and GPUDESK_TABLE_PREFIX."
            return f"AWS rejected {error.operation_name} ({code}): {message}"
        case _:
            return f"AWS could not be called ({type(error).__name__}): {error}"

"""The AWS account that a command uses: that of the environment's credentials, or the local cloud.

`make ... LOCAL=URL` sets AWS_ENDPOINT_URL to the local cloud.
"""

import http.client
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
)
from pynamodb.exceptions import PynamoDBException

from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.clock import Clock, SystemClock
from chalicelib.domain.common.untrusted_text import clean_output
from chalicelib.settings import (
    REQUIRED_VARIABLES,
    InvalidSetting,
    Settings,
    read_home_region,
    read_settings,
    require_variables,
)
from chalicelib.store.tables import connect_tables
from local.clock import PacedClock

EXAMPLE_URL = "http://127.0.0.1:4566"
TIMEOUT_SECONDS = 10
USAGE_ERROR = 2
"""Exit status if an argument is invalid or AWS cannot be used."""


def fail(message: str) -> NoReturn:
    """Print the message to standard error and exit with status 2."""
    sys.stderr.write(f"{clean_output(message)}\n")
    raise SystemExit(USAGE_ERROR)


@contextmanager
def exit_on_aws_errors(command: str) -> Iterator[None]:
    """Exit with status 2 and one line of text if AWS rejects a call inside, or cannot be called.

    :param command: the command that the user ran, such as `make preview`
    """
    try:
        yield
    except (AwsError, BotoCoreError, ClientError, PynamoDBException) as error:
        fail(_describe_error(_find_cause(error), command))


def read_clock() -> Clock:
    """Return the clock of this computer, or one that runs like that of the local cloud.

    :raises SystemExit: no local cloud answers at the endpoint
    """
    if not os.environ.get("AWS_ENDPOINT_URL"):
        return SystemClock()
    clock = _read_from_cloud("clock")
    return PacedClock(clock["speed"], datetime.fromisoformat(clock["now"]))


def _read_from_cloud(path: str) -> dict[str, Any]:
    """Return the answer of the local cloud for a path below `/_local/`.

    :raises SystemExit: no local cloud answers at the endpoint
    """
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    try:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=TIMEOUT_SECONDS)
        connection.request("GET", f"/_local/{path}")
        response = connection.getresponse()
        answer = json.load(response)
        connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        fail(describe_missing_cloud(endpoint))
    if response.status != HTTPStatus.OK or not isinstance(answer, dict):
        fail(describe_missing_cloud(endpoint))
    return answer


def read_account_settings(command: str) -> Settings:
    """Return the settings of gpudesk in the account, or on the local cloud.

    :param command: the command that the user ran, for the message
    :raises NoCredentialsError: there is neither an account nor a local cloud
    :raises SystemExit: settings are missing or cannot be read
    """
    if os.environ.get("AWS_ENDPOINT_URL"):
        variables = _read_from_cloud("settings")["settings"]
        if not variables:
            fail(describe_missing_cloud(os.environ["AWS_ENDPOINT_URL"]))
        return read_settings(variables)
    require_settings(command, REQUIRED_VARIABLES)
    try:
        return read_settings()
    except InvalidSetting as error:
        fail(str(error))


def connect_account_tables(command: str) -> None:
    """Use gpudesk's tables in the account, or on the local cloud. Only region and prefix must be set.

    :raises NoCredentialsError: there is neither an account nor a local cloud
    :raises SystemExit: settings are missing
    """
    require_settings(command, ("GPUDESK_TABLE_PREFIX", "AWS_REGION"))
    if os.environ.get("AWS_ENDPOINT_URL"):
        settings = read_account_settings(command)
        connect_tables(settings.home_region, settings.table_prefix)
    else:
        connect_tables(read_home_region(os.environ), os.environ["GPUDESK_TABLE_PREFIX"])


def require_settings(command: str, names: Sequence[str]) -> None:
    """Check that the settings of a deployment are set. The local cloud needs none.

    :raises NoCredentialsError: there is neither an account nor a local cloud
    :raises SystemExit: settings are missing
    """
    if os.environ.get("AWS_ENDPOINT_URL"):
        return
    if boto3.Session().get_credentials() is None:
        raise NoCredentialsError
    try:
        require_variables(os.environ, names)
    except InvalidSetting as error:
        fail(f"{error} Set what it has, or use the local cloud: {command} LOCAL={EXAMPLE_URL}")


def describe_missing_cloud(endpoint: str) -> str:
    """Return the message that no local cloud answers at this URL."""
    return (
        f"No local cloud answers at {endpoint}. Start one with make run, or set LOCAL to the URL that make run prints."
    )


def _find_cause(error: BaseException) -> BaseException:
    """Return the error of the SDK that PynamoDB or gpudesk wraps."""
    while isinstance(error, PynamoDBException) and error.cause:
        error = error.cause
    return error.__cause__ or error if isinstance(error, AwsError) else error


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

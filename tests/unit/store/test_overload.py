"""Errors of DynamoDB after which the same request may succeed."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from pynamodb.exceptions import CancellationReason, GetError, PynamoDBException, TransactWriteError, VerboseClientError

from chalicelib.store.dynamo import is_overload
from chalicelib.transient_errors import TRANSIENT_CODES
from tests.support.retried_errors import list_retried_errors


def build_error(
    code: str, *, status: int = 400, reasons: tuple[str | None, ...] = (), wrapper: type[PynamoDBException] = GetError
) -> PynamoDBException:
    """Return an error as PynamoDB raises it."""
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    cause = VerboseClientError(
        {"Error": response["Error"]},
        "Operation",
        {},
        cancellation_reasons=[CancellationReason(code=reason) if reason else None for reason in reasons],
    )
    cause.__cause__ = ClientError(response, "Operation")
    return wrapper("failed", cause)


@pytest.mark.parametrize("code", sorted({*list_retried_errors(), *TRANSIENT_CODES, "TransactionConflictException"}))
def test_code_that_passes_is_overload_whatever_the_status(code: str) -> None:
    assert [is_overload(build_error(code, status=status)) for status in (400, 403, 409, 503)] == [True] * 4


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_unknown_code_of_server_is_overload(status: int) -> None:
    assert is_overload(build_error("Unknown", status=status))


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException", "AccessDeniedException"])
def test_code_that_stays_is_no_overload(code: str) -> None:
    assert not is_overload(build_error(code))


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_transaction_cancelled_for_throttling_is_overload(reason: str) -> None:
    code = "TransactionCanceledException"
    assert is_overload(build_error(code, reasons=(None, reason), wrapper=TransactWriteError))


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_transaction_cancelled_for_other_reason_is_no_overload(reason: str) -> None:
    code = "TransactionCanceledException"
    assert not is_overload(build_error(code, reasons=(reason, None), wrapper=TransactWriteError))


@pytest.mark.parametrize("error_class", [ConnectionClosedError, EndpointConnectionError, ReadTimeoutError])
def test_missing_response_is_overload(error_class: Any) -> None:
    cause = error_class(endpoint_url="https://dynamodb.us-east-1.amazonaws.com", error="broken")
    assert is_overload(GetError("failed", cause))


@pytest.mark.parametrize("error", [ValueError("broken"), GetError("broken")])
def test_error_without_cause_is_no_overload(error: Exception) -> None:
    assert not is_overload(error)

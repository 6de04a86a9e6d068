"""Errors of DynamoDB that no repetition changes."""

import pytest
from pynamodb.exceptions import CancellationReason, TransactWriteError, VerboseClientError

from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.common.errors import ValidationFailed
from chalicelib.store import dynamo
from chalicelib.store.conflicts import RejectedWrite


def build_error(code: str, message: str, *reasons: CancellationReason | None) -> TransactWriteError:
    response = {"Error": {"Code": code, "Message": message}}
    return TransactWriteError(message, VerboseClientError(response, "TransactWriteItems", cancellation_reasons=reasons))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (build_error("ValidationException", "Number\x1b[31m underflow."), "Number underflow."),
        (
            build_error(
                "TransactionCanceledException",
                "Transaction cancelled",
                None,
                CancellationReason(code="ValidationError", message="Item size has exceeded."),
            ),
            "Item size has exceeded.",
        ),
    ],
)
def test_write_that_dynamodb_never_accepts_is_rejected_with_its_message(
    error: TransactWriteError, message: str
) -> None:
    def add_changes(_: object) -> None:
        raise error

    with pytest.raises(RejectedWrite) as raised:
        dynamo.commit("gd-1", add_changes)
    assert str(raised.value) == message
    with pytest.raises(ValidationFailed, match=f"Instance x cannot be changed.*: {message}"):
        retry_user_write("Instance x", lambda: dynamo.commit("gd-1", add_changes))


def test_throttled_transaction_is_not_rejected() -> None:
    def add_changes(_: object) -> None:
        raise build_error("ThrottlingException", "slow down")

    with pytest.raises(TransactWriteError):
        dynamo.commit("gd-1", add_changes)

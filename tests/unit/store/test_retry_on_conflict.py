"""Retries of transactions that conflict with other transactions."""

import pytest

from chalicelib.store.conflicts import (
    LONGEST_PAUSE_SECONDS,
    MAX_ATTEMPTS,
    TransactionConflict,
    VersionConflict,
    retry_on_conflict,
)
from chalicelib.store.connections import DeadlineExceeded


class Operation:
    """Raises the given errors in turn, then returns the number of its calls."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


def test_operation_without_conflict_is_called_once() -> None:
    assert retry_on_conflict(Operation()) == 1


def test_operation_is_repeated_until_it_meets_no_conflict() -> None:
    conflicts, waits = [VersionConflict("changed")] * (MAX_ATTEMPTS - 1), list[float]()
    assert retry_on_conflict(Operation(*conflicts), pause=waits.append) == MAX_ATTEMPTS
    assert len(waits) == MAX_ATTEMPTS - 1
    assert max(waits) <= LONGEST_PAUSE_SECONDS


def test_end_of_the_time_after_a_conflict_is_a_conflict() -> None:
    with pytest.raises(VersionConflict, match="changed"):
        retry_on_conflict(Operation(VersionConflict("changed"), DeadlineExceeded("no time")))


def test_end_of_the_time_without_a_conflict_is_an_overload() -> None:
    with pytest.raises(DeadlineExceeded):
        retry_on_conflict(Operation(DeadlineExceeded("no time")))


def test_last_conflict_is_raised() -> None:
    operation = Operation(*(VersionConflict(f"conflict {number}") for number in range(1, MAX_ATTEMPTS + 2)))
    with pytest.raises(VersionConflict, match=f"conflict {MAX_ATTEMPTS}"):
        retry_on_conflict(operation, pause=list[float]().append)
    assert operation.calls == MAX_ATTEMPTS


def test_other_errors_are_raised_at_once() -> None:
    operation = Operation(ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        retry_on_conflict(operation)
    assert operation.calls == 1


def test_changed_record_is_not_retried_as_a_transaction_conflict() -> None:
    operation = Operation(TransactionConflict("busy"), VersionConflict("changed"))
    with pytest.raises(VersionConflict, match="changed"):
        retry_on_conflict(operation, TransactionConflict)
    assert operation.calls == 2

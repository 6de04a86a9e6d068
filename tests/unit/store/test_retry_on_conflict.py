"""Retries of transactions that conflict with other transactions."""

import pytest

from chalicelib.store.conflicts import MAX_ATTEMPTS, TransactionConflict, VersionConflict, retry_on_conflict


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
    conflicts = [VersionConflict("changed")] * (MAX_ATTEMPTS - 1)
    assert retry_on_conflict(Operation(*conflicts)) == MAX_ATTEMPTS


def test_last_conflict_is_raised() -> None:
    operation = Operation(*(VersionConflict(f"conflict {number}") for number in range(1, MAX_ATTEMPTS + 2)))
    with pytest.raises(VersionConflict, match=f"conflict {MAX_ATTEMPTS}"):
        retry_on_conflict(operation)
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

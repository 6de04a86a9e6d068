"""Access checks of a call: actions, resources, and the condition keys that depend on the parameters."""

from typing import Any

import pytest

from local.aws.iam.access_checks import OPERATIONS
from local.aws.iam.errors import UnknownOperation
from tests.local.aws.iam.access_checks import list_checks
from tests.local.aws.iam.expected_checks import CALLS
from tests.local.aws.iam.expected_dynamodb_checks import DYNAMODB_CALLS

ALL_CALLS = (*CALLS, *DYNAMODB_CALLS)


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"), ALL_CALLS, ids=[f"{row[0]}:{row[1]}" for row in ALL_CALLS]
)
def test_call_has_the_access_checks_of_iam(
    service: str, operation: str, parameters: dict[str, Any], expected: list[tuple[str, str, dict[str, Any]]]
) -> None:
    found = list_checks(service, operation, **parameters)
    assert [access_check[:2] for access_check in found] == [access_check[:2] for access_check in expected]
    for (_, _, context), (_, _, wanted) in zip(found, expected, strict=True):
        assert context.items() >= wanted.items()


@pytest.mark.parametrize(("service", "operation"), [("ec2", "RunScheduledInstances"), ("lambda", "Invoke")])
def test_unknown_operation_is_an_error_and_not_a_yes(service: str, operation: str) -> None:
    assert operation not in OPERATIONS.get(service, {})
    with pytest.raises(UnknownOperation, match=f"{service}:{operation}"):
        list_checks(service, operation)

"""Errors of the SDK, translated to what gpudesk does about them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.errors import translate_error
from chalicelib.domain.common.aws_errors import (
    AgentNotConnected,
    AwsDuplicate,
    AwsError,
    AwsForbidden,
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    QuotaExceeded,
    RegionNotEnabled,
    RegionPending,
    TransientAwsError,
)
from local.aws.core.errors import HTTP_STATUSES
from tests.support.retried_errors import list_retried_errors


def translate(code: str, status: int = 400, message: str = "No.") -> AwsError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translate_error(ClientError(response, "RunInstances"))


@pytest.mark.parametrize("code", list_retried_errors())
def test_each_error_that_botocore_repeats_is_transient_whatever_its_status(code: str) -> None:
    assert [type(translate(code, status)) for status in (400, 403, 409, 503)] == [TransientAwsError] * 4


@pytest.mark.parametrize(("code", "status"), sorted(list_retried_errors().items()))
def test_local_cloud_answers_throttling_with_status_of_aws(code: str, status: int) -> None:
    assert HTTP_STATUSES.get(code, 400) == status


@pytest.mark.parametrize("name", ["iamInstanceProfile.name", "iamInstanceProfile.arn"])
def test_new_instance_profile_is_not_found_yet(name: str) -> None:
    kind = name.partition(".")[2]
    message = f"Value (gpudesk-instance) for parameter {name} is invalid. Invalid IAM Instance Profile {kind}"
    assert isinstance(translate("InvalidParameterValue", message=message), AwsNotFound)
    assert isinstance(translate("InvalidParameterValue", message="Value (0) is invalid."), PermanentAwsError)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("InsufficientInstanceCapacity", 500, InsufficientCapacity),
        ("InsufficientVolumeCapacity", 500, InsufficientCapacity),
        ("VcpuLimitExceeded", 400, QuotaExceeded),
        ("UnauthorizedOperation", 403, AwsForbidden),
        ("AccessDeniedException", 400, AwsForbidden),
        ("TargetNotConnected", 400, AgentNotConnected),
        ("InvalidAMIName.Duplicate", 400, AwsDuplicate),
        ("PendingVerification", 400, RegionPending),
        ("OptInRequired", 401, RegionNotEnabled),
        ("SpotMaxPriceTooLow", 400, InsufficientCapacity),
        ("MaxSpotInstanceCountExceeded", 400, QuotaExceeded),
        ("Unheard.Of", 400, PermanentAwsError),
        ("Unheard.Of", 429, TransientAwsError),
        ("Unheard.Of", 502, TransientAwsError),
    ],
)
def test_code_decides_and_status_only_for_unknown_codes(code: str, status: int, expected: type[AwsError]) -> None:
    assert type(translate(code, status)) is expected

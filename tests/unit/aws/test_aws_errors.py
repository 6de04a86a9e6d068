"""Errors of the SDK, translated to what gpudesk does about them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.exceptions import ClientError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from chalicelib.aws.errors import translate_error
from chalicelib.domain.common.errors import (
    AwsError,
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    QuotaExceeded,
    TransientAwsError,
)
from local.aws.core.errors import HTTP_STATUSES


def list_retried_errors() -> dict[str, int]:
    """Return the codes that botocore repeats, in its standard and its legacy mode, with the status it expects."""
    retried = json.loads((Path(botocore.__file__).parent / "data/_retry.json").read_text())
    known: dict[str, int] = dict(_find_retried(retried))
    throttling, transient = vars(ThrottledRetryableChecker), vars(TransientRetryableChecker)
    codes: set[str] = {*throttling["_THROTTLED_ERROR_CODES"], *transient["_TRANSIENT_ERROR_CODES"]}
    return known | {code: known.get(code, HTTP_STATUSES.get(code, 400)) for code in codes}


def _find_retried(part: Any) -> Iterator[tuple[str, int]]:
    if isinstance(part, dict):
        if "service_error_code" in part:
            yield part["service_error_code"], part["http_status_code"]
        for value in part.values():
            yield from _find_retried(value)


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
        ("UnauthorizedOperation", 403, PermanentAwsError),
        ("Unheard.Of", 400, PermanentAwsError),
        ("Unheard.Of", 429, TransientAwsError),
        ("Unheard.Of", 502, TransientAwsError),
    ],
)
def test_code_decides_and_status_only_for_unknown_codes(code: str, status: int, expected: type[AwsError]) -> None:
    assert type(translate(code, status)) is expected
